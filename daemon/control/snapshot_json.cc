// Snapshots cross the socket as JSON and become snapshots again in parikshanctl, so that what
// people see is rendered from types, not from string look-ups. One table of fields (fields.h)
// drives both ways; Boost.JSON's own conversion traits would have needed a function per type and
// direction, and would throw at the first odd message.
#include "control/snapshot_json.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <limits>
#include <type_traits>

#include "config/utf8.h"
#include "control/fields.h"

namespace parikshan::control {
namespace {

namespace json = boost::json;
using instance::SyncState;

constexpr std::string_view hex_digits = "0123456789abcdef";

std::string to_hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += hex_digits[byte >> 4];
    text += hex_digits[byte & 15];
  }
  return text;
}

bool from_hex(std::string_view text, std::string& bytes) {
  if (text.size() % 2 != 0)
    return false;
  bytes.clear();
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = hex_digits.find(text[i]);
    const auto low = hex_digits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos)
      return false;
    bytes += static_cast<char>(high << 4 | low);
  }
  return true;
}

template <class Record>
json::object write(const Record& record);

json::value write_value(const std::string& text) {
  return json::value(valid_utf8(text));
}
json::value write_value(bool flag) {
  return json::value(flag);
}
json::value write_value(std::int64_t number) {
  return json::value(number);
}
json::value write_value(std::uint64_t number) {
  return json::value(number);
}
json::value write_value(SyncState state) {
  return json::value(instance::to_string(state));
}
json::value write_value(double number) {
  if (std::isnan(number))
    return json::value(0.0);
  constexpr double most = std::numeric_limits<double>::max();
  return json::value(std::isinf(number) ? std::copysign(most, number) : number);
}
json::value write_value(const instance::BufferSnapshot& buffer) {
  return write(buffer);
}
template <class Record>
json::value write_value(const std::vector<Record>& records) {
  json::array array;
  array.reserve(records.size());
  for (const Record& record : records)
    array.emplace_back(write(record));
  return array;
}

template <class Record>
json::object write(const Record& record) {
  json::object object;
  const auto one = [&]<class F>(const F& field) {
    if constexpr (std::is_same_v<F, HexField<Record>>)
      object.emplace(field.name, to_hex(record.*field.member));
    else
      object.emplace(field.name, write_value(record.*field.member));
  };
  std::apply([&](const auto&... fields) { (one(fields), ...); }, Fields<Record>::list);
  return object;
}

template <class Record>
bool read(const json::value& value, Record& record, std::string& problem);

bool read_value(const json::value& value, std::string& text, std::string&) {
  if (!value.is_string())
    return false;
  text.assign(value.get_string().data(), value.get_string().size());
  return true;
}
bool read_value(const json::value& value, bool& flag, std::string&) {
  if (!value.is_bool())
    return false;
  flag = value.get_bool();
  return true;
}
bool read_value(const json::value& value, std::int64_t& number, std::string&) {
  if (!value.is_int64())
    return false;
  number = value.get_int64();
  return true;
}
bool read_value(const json::value& value, std::uint64_t& number, std::string&) {
  if (value.is_uint64()) {
    number = value.get_uint64();
    return true;
  }
  if (!value.is_int64() || value.get_int64() < 0)
    return false;
  number = static_cast<std::uint64_t>(value.get_int64());
  return true;
}
bool read_value(const json::value& value, double& number, std::string&) {
  if (value.is_double())
    number = value.get_double();
  else if (value.is_int64())
    number = static_cast<double>(value.get_int64());
  else if (value.is_uint64())
    number = static_cast<double>(value.get_uint64());
  else
    return false;
  return true;
}
bool read_value(const json::value& value, SyncState& state, std::string&) {
  if (!value.is_string())
    return false;
  for (const auto known : {SyncState::in_sync, SyncState::diverged, SyncState::overflowed}) {
    if (value.get_string() == instance::to_string(known)) {
      state = known;
      return true;
    }
  }
  return false;
}
bool read_value(const json::value& value, instance::BufferSnapshot& buffer, std::string& problem) {
  return read(value, buffer, problem);
}
template <class Record>
bool read_value(const json::value& value, std::vector<Record>& records, std::string& problem) {
  if (!value.is_array())
    return false;
  records.clear();
  for (const json::value& element : value.get_array()) {
    if (!read(element, records.emplace_back(), problem))
      return false;
  }
  return true;
}

template <class Record>
bool read(const json::value& value, Record& record, std::string& problem) {
  if (!value.is_object())
    return false;
  const json::object& object = value.get_object();
  const auto one = [&]<class F>(const F& field) {
    const json::value* found = object.if_contains(field.name);
    if (found == nullptr)
      return true;
    bool good = false;
    if constexpr (std::is_same_v<F, HexField<Record>>)
      good = found->is_string() && from_hex(found->get_string(), record.*field.member);
    else
      good = read_value(*found, record.*field.member, problem);
    if (!good && problem.empty())
      problem = field.name;
    return good;
  };
  return std::apply([&](const auto&... fields) { return (one(fields) && ...); },
                    Fields<Record>::list);
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = config::utf8_length(text);
    if (length > 0)
      valid.append(text.substr(0, length));
    else
      valid.append("\xef\xbf\xbd");
    text.remove_prefix(length > 0 ? length : 1);
  }
  return valid;
}

json::object to_json(const instance::InstanceSnapshot& snapshot) {
  return write(snapshot);
}
json::object to_json(const instance::LedgerEntry& entry) {
  return write(entry);
}
json::object to_json(const instance::DifferenceSnapshot& difference) {
  return write(difference);
}
json::object to_json(const instance::WindowSnapshot& window) {
  return write(window);
}
json::object to_json(const instance::ReplicaSnapshot& replica) {
  return write(replica);
}

template <class Record>
Result<Record> from_json(const json::value& value) {
  Record record;
  std::string problem;
  if (read(value, record, problem))
    return record;
  if (problem.empty())
    return Error{"read the reply: a record is no JSON object"};
  return Error{"read the reply: the field '" + problem + "' is not what it should be"};
}

template <class Record>
Result<std::vector<Record>> list_from_json(const json::object& object, std::string_view field) {
  std::vector<Record> records;
  const json::value* found = object.if_contains(field);
  if (found == nullptr)
    return records;
  std::string problem(field);
  if (!found->is_array())
    return Error{"read the reply: the field '" + problem + "' is not what it should be"};
  for (const json::value& element : found->get_array()) {
    auto record = from_json<Record>(element);
    if (!record)
      return record.error();
    records.push_back(std::move(*record));
  }
  return records;
}

template Result<instance::InstanceSnapshot> from_json(const json::value&);
template Result<instance::LedgerEntry> from_json(const json::value&);
template Result<instance::DifferenceSnapshot> from_json(const json::value&);
template Result<instance::WindowSnapshot> from_json(const json::value&);
template Result<instance::ReplicaSnapshot> from_json(const json::value&);
template Result<std::vector<instance::LedgerEntry>> list_from_json(const json::object&,
                                                                   std::string_view);
template Result<std::vector<instance::DifferenceSnapshot>> list_from_json(const json::object&,
                                                                          std::string_view);
template Result<std::vector<instance::WindowSnapshot>> list_from_json(const json::object&,
                                                                      std::string_view);
template Result<std::vector<instance::ReplicaSnapshot>> list_from_json(const json::object&,
                                                                       std::string_view);

}  // namespace parikshan::control
