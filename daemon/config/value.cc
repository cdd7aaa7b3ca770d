#include "config/value.h"

#include <algorithm>

namespace parikshan::config {

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::table:
      return "a table";
    case Kind::array:
      return "an array";
    case Kind::string:
      return "a string";
    case Kind::integer:
      return "an integer";
    case Kind::number:
      return "a number";
    case Kind::boolean:
      return "a boolean";
    case Kind::date_time:
      return "a date or time";
  }
  return "a value";
}

const Entry* Value::find(std::string_view key) const {
  const auto entry = std::find_if(entries.begin(), entries.end(),
                                  [&](const Entry& candidate) { return candidate.key == key; });
  return entry == entries.end() ? nullptr : &*entry;
}

Entry* Value::find(std::string_view key) {
  return const_cast<Entry*>(static_cast<const Value*>(this)->find(key));  // NOLINT: of a mutable
}

bool Value::is_array_of_tables() const {
  return kind == Kind::array && !items.empty() &&
         std::all_of(items.begin(), items.end(),
                     [](const Value& item) { return item.kind == Kind::table; });
}

void merge(Value& base, Value over) {
  for (Entry& entry : over.entries) {
    Entry* known = base.find(entry.key);
    if (known == nullptr) {
      base.entries.push_back(std::move(entry));
    } else if (known->value.kind == Kind::table && entry.value.kind == Kind::table) {
      merge(known->value, std::move(entry.value));
    } else if (known->value.is_array_of_tables() && entry.value.is_array_of_tables()) {
      for (Value& item : entry.value.items)
        known->value.items.push_back(std::move(item));
    } else {
      *known = std::move(entry);
    }
  }
}

}  // namespace parikshan::config
