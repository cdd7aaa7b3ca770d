#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "instance/snapshot.h"

namespace parikshan::control {

/// A snapshot as the JSON object of the interface description. Text that is not UTF-8 has its bad
/// bytes replaced by U+FFFD; raw bytes become hexadecimal digits; a number that JSON cannot say
/// (infinite) becomes the largest that it can.
boost::json::object to_json(const instance::InstanceSnapshot& snapshot);
boost::json::object to_json(const instance::LedgerEntry& entry);
boost::json::object to_json(const instance::DifferenceSnapshot& difference);
boost::json::object to_json(const instance::WindowSnapshot& window);
boost::json::object to_json(const instance::ReplicaSnapshot& replica);

/// The way back. A missing field keeps its default, so that an older or newer daemon can be read.
/// Errors: a field of the wrong type or out of range, by name.
template <class Record>
Result<Record> from_json(const boost::json::value& value);
extern template Result<instance::InstanceSnapshot> from_json(const boost::json::value&);
extern template Result<instance::LedgerEntry> from_json(const boost::json::value&);
extern template Result<instance::DifferenceSnapshot> from_json(const boost::json::value&);
extern template Result<instance::WindowSnapshot> from_json(const boost::json::value&);
extern template Result<instance::ReplicaSnapshot> from_json(const boost::json::value&);

/// `field` of `object` as a list of records; a missing field is an empty list.
template <class Record>
Result<std::vector<Record>> list_from_json(const boost::json::object& object,
                                           std::string_view field);
extern template Result<std::vector<instance::LedgerEntry>> list_from_json(
    const boost::json::object&, std::string_view);
extern template Result<std::vector<instance::DifferenceSnapshot>> list_from_json(
    const boost::json::object&, std::string_view);
extern template Result<std::vector<instance::WindowSnapshot>> list_from_json(
    const boost::json::object&, std::string_view);
extern template Result<std::vector<instance::ReplicaSnapshot>> list_from_json(
    const boost::json::object&, std::string_view);

/// `text` with what is not UTF-8 replaced, so that it can stand in a JSON string.
std::string valid_utf8(std::string_view text);

}  // namespace parikshan::control
