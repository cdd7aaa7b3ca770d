#include "policy/build.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "config/keys.h"
#include "policy/conflicts.h"

namespace parikshan::policy {
namespace {

using config::Diagnostics;
using config::Kind;
using config::Location;
using config::Value;

constexpr std::uint64_t largest_sum = std::numeric_limits<std::int64_t>::max();

template <class Number>
std::optional<Number> number_from(std::string_view text) {
  Number number{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

/// One table of the policy, with defaults from the table of keys for what it lacks.
class Section {
 public:
  Section(std::string_view name, const Value* table) : name_(name), table_(table) {}

  /// The value as written, or nullptr.
  [[nodiscard]] const Value* given(std::string_view key) const {
    const config::Entry* entry = table_ == nullptr ? nullptr : table_->find(key);
    return entry == nullptr ? nullptr : &entry->value;
  }

  [[nodiscard]] std::string text(std::string_view key) const {
    const Value* value = given(key);
    if (value != nullptr && value->kind == Kind::string)
      return value->text;
    return std::string(default_of(key));
  }

  [[nodiscard]] std::int64_t integer(std::string_view key) const {
    const Value* value = given(key);
    if (value != nullptr && value->kind == Kind::integer)
      return value->integer;
    return number_from<std::int64_t>(default_of(key)).value_or(0);
  }

  [[nodiscard]] double number(std::string_view key) const {
    const Value* value = given(key);
    if (value != nullptr && value->kind == Kind::number)
      return value->number;
    if (value != nullptr && value->kind == Kind::integer)
      return static_cast<double>(value->integer);
    return number_from<double>(default_of(key)).value_or(0);
  }

  /// Absent when what was written is no size, or less than the key allows.
  [[nodiscard]] std::optional<std::uint64_t> size(std::string_view key) const {
    const Value* value = given(key);
    if (value != nullptr && value->kind != Kind::string)
      return std::nullopt;
    const auto size = parse_size(text(key));
    const config::Key* known = config::find_key(name_, key);
    if (!size || known == nullptr || static_cast<double>(*size) < known->minimum)
      return std::nullopt;
    return *size;
  }

  [[nodiscard]] std::optional<PlacedAddress> address(std::string_view key) const {
    const Value* value = given(key);
    return value == nullptr ? std::nullopt : place(*value);
  }

  [[nodiscard]] std::vector<PlacedAddress> addresses(std::string_view key) const {
    std::vector<PlacedAddress> out;
    if (const Value* value = given(key))
      for (const Value& item : value->items)
        if (auto placed = place(item))
          out.push_back(std::move(*placed));
    return out;
  }

  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> out;
    if (const Value* value = given(key))
      for (const Value& item : value->items)
        out.push_back(item.text);
    return out;
  }

 private:
  [[nodiscard]] std::string_view default_of(std::string_view key) const {
    const config::Key* known = config::find_key(name_, key);
    return known == nullptr ? std::string_view() : known->default_value();
  }

  static std::optional<PlacedAddress> place(const Value& value) {
    if (value.kind != Kind::string)
      return std::nullopt;
    const auto address = net::Address::parse(value.text);
    if (!address)
      return std::nullopt;
    return PlacedAddress{*address, value.location};
  }

  std::string_view name_;
  const Value* table_;
};

Section section_of(const Value& merged, std::string_view name) {
  const config::Entry* entry = merged.find(name);
  const bool table = entry != nullptr && entry->value.kind == Kind::table;
  return {name, table ? &entry->value : nullptr};
}

Mode mode_from(std::string_view text) {
  if (text == "synchronous")
    return Mode::synchronous;
  if (text == "passthrough")
    return Mode::passthrough;
  return Mode::asynchronous;
}

void build_duplicates(const Value& merged, const Location& file, Policy& policy,
                      Diagnostics& diagnostics) {
  const config::Entry* entry = merged.find("duplicate");
  if (entry == nullptr || (entry->value.kind == Kind::array && entry->value.items.empty())) {
    diagnostics.push_back({entry == nullptr ? file : entry->location,
                           "no [[duplicate]]: a policy needs at least one port",
                           "[[duplicate]] with 'listen' and 'production'"});
    return;
  }
  std::vector<PlacedDuplicate> placed;
  for (const Value& item : entry->value.items) {
    const Section section("duplicate", &item);
    PlacedDuplicate place{section.address("listen"), section.address("production"),
                          section.addresses("replicas")};
    Duplicate duplicate;
    if (place.listen)
      duplicate.listen = place.listen->address;
    if (place.production)
      duplicate.production = place.production->address;
    for (const PlacedAddress& replica : place.replicas)
      duplicate.replicas.push_back(replica.address);
    duplicate.mode = mode_from(section.text("mode"));
    const Value* replicas = section.given("replicas");
    if (duplicate.mode == Mode::passthrough && replicas != nullptr && !replicas->items.empty())
      diagnostics.push_back({replicas->location, "replicas get nothing in mode \"passthrough\"",
                             "remove one of the two"});
    policy.duplicates.push_back(std::move(duplicate));
    placed.push_back(std::move(place));
  }
  check_conflicts(placed, diagnostics);
}

void build_buffer(const Section& section, Policy& policy, Diagnostics& diagnostics) {
  const auto session = section.size("session");
  const auto memory = section.size("memory");
  const auto spill = section.size("spill");
  policy.buffer.session = session.value_or(0);
  policy.buffer.memory = memory.value_or(0);
  policy.buffer.spill = spill.value_or(0);
  policy.buffer.spill_directory = section.text("directory");
  policy.buffer.prefault = section.text("prefault") == "full" ? Prefault::full : Prefault::grow;

  // An error stands where something was written: at the first of the two keys that is there.
  const auto report = [&](std::string_view first, std::string_view second, std::string message) {
    const Value* at = section.given(first);
    if (at == nullptr)
      at = section.given(second);
    if (at != nullptr)
      diagnostics.push_back({at->location, std::move(message), ""});
  };
  const auto shown = [&](std::string_view key, std::uint64_t size) {
    return fmt::format("buffer.{} ({}{})", key, format_size(size),
                       section.given(key) == nullptr ? ", the default" : "");
  };
  if (session && memory && *session > *memory)
    report("session", "memory",
           shown("session", *session) + " is larger than " + shown("memory", *memory));
  if (memory && spill && *memory > largest_sum - *spill)
    report("spill", "memory",
           shown("memory", *memory) + " and " + shown("spill", *spill) +
               " are more than 2^63-1 bytes together");
}

}  // namespace

std::optional<std::string> address_problem(std::string_view text) {
  const auto address = net::Address::parse(text);
  return address ? std::nullopt : std::optional(address.error().text());
}

Policy build(std::string_view name, const Value& merged, const Location& file,
             Diagnostics& diagnostics) {
  Policy policy;
  policy.name = name;

  const Section instance = section_of(merged, "instance");
  policy.instance.workers = static_cast<unsigned>(instance.integer("workers"));
  if (const auto timeout = parse_duration(instance.text("drain_timeout")))
    policy.instance.drain_timeout = *timeout;

  build_duplicates(merged, file, policy, diagnostics);

  const Section replica = section_of(merged, "replica");
  if (replica.text("on_overflow") == "continue")
    policy.replica.on_overflow = OnOverflow::continue_;
  if (replica.text("on_divergence") == "detach")
    policy.replica.on_divergence = OnDivergence::detach;

  build_buffer(section_of(merged, "buffer"), policy, diagnostics);

  const Section divergence = section_of(merged, "divergence");
  policy.divergence.tolerate = divergence.number("tolerate");
  policy.divergence.mask = divergence.texts("mask");
  return policy;
}

}  // namespace parikshan::policy
