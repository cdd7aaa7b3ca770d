#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"

namespace parikshan::config {

enum class Kind { table, array, string, integer, number, boolean, date_time };

/// "a table", "a string": for messages.
std::string_view kind_name(Kind kind);

struct Entry;

/// A TOML value that knows where it was written. Plain data; tables keep the order of the file.
struct Value {
  Kind kind = Kind::table;
  Location location;           ///< of the value; for a [table], of its header
  std::string text;            ///< Kind::string: its content; Kind::date_time: as TOML writes it
  std::int64_t integer = 0;    ///< Kind::integer
  double number = 0;           ///< Kind::number
  bool boolean = false;        ///< Kind::boolean
  std::vector<Value> items;    ///< Kind::array
  std::vector<Entry> entries;  ///< Kind::table; keys are unique

  /// The entry of a table, or nullptr. Owned by the table.
  [[nodiscard]] const Entry* find(std::string_view key) const;
  [[nodiscard]] Entry* find(std::string_view key);

  /// An array of one or more tables and nothing else, as [[header]]s make it.
  [[nodiscard]] bool is_array_of_tables() const;
};

struct Entry {
  std::string key;
  Location location;  ///< of the key
  Value value;
};

/// Lays `over` on `base`: tables merge key by key, arrays of tables append, and everything else,
/// an empty array included, takes the place of what was there. Locations go with the values.
void merge(Value& base, Value over);

/// TOML text of a merged policy, with "# from FILE:LINE" after each key. Parses to the same values.
std::string render(const Value& root);

/// `text` as a TOML basic string, quotes included.
std::string quote(std::string_view text);

}  // namespace parikshan::config
