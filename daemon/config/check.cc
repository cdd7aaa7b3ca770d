#include "config/check.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <cmath>

#include "base/quantity.h"
#include "config/keys.h"

// Each file is checked by itself: a value that a drop-in replaces is an error all the same, and
// would otherwise come to light on the day somebody removes the drop-in.

namespace parikshan::config {
namespace {

class Checker {
 public:
  Checker(AddressCheck address, Diagnostics& diagnostics)
      : address_(address), diagnostics_(diagnostics) {}

  void check_root(const Value& root) {
    for (const Entry& entry : root.entries) {
      const Section* section = find_section(entry.key);
      if (section == nullptr)
        unknown_at_root(entry);
      else if (!section->supported)
        error(entry.location, section->heading() + " is not supported by this version");
      else
        check_section(entry, *section);
    }
  }

 private:
  void error(const Location& location, std::string message, std::string hint = "") {
    diagnostics_.push_back({location, std::move(message), std::move(hint)});
  }

  void wrong_type(const Value& value, const Key& key, std::string_view wanted,
                  std::string hint = "") {
    error(value.location,
          fmt::format("{} must be {}, not {}", key.path(), wanted, kind_name(value.kind)),
          std::move(hint));
  }

  void unknown_at_root(const Entry& entry) {
    const bool table = entry.value.kind == Kind::table || entry.value.is_array_of_tables();
    if (table)
      error(entry.location, fmt::format("unknown table '{}'", entry.key),
            suggest_section(entry.key));
    else
      error(entry.location, fmt::format("unknown key '{}' outside of any table", entry.key),
            suggest_key("", entry.key));
  }

  void check_section(const Entry& entry, const Section& section) {
    if (section.shape == Shape::table) {
      if (entry.value.kind == Kind::table)
        return check_table(entry.value, section);
      return error(
          entry.location,
          fmt::format("'{}' must be a table, not {}", section.name, kind_name(entry.value.kind)),
          fmt::format("write {}", section.heading()));
    }
    // An empty array is how a drop-in discards the tables laid down before it.
    if (entry.value.kind == Kind::array && entry.value.items.empty())
      return;
    if (!entry.value.is_array_of_tables())
      return error(entry.location,
                   fmt::format("'{}' must be an array of tables, not {}", section.name,
                               kind_name(entry.value.kind)),
                   fmt::format("write {}", section.heading()));
    for (const Value& item : entry.value.items)
      check_table(item, section);
  }

  void check_table(const Value& table, const Section& section) {
    for (const Entry& entry : table.entries) {
      const Key* key = find_key(section.name, entry.key);
      if (key == nullptr)
        error(entry.location, fmt::format("unknown key '{}' in {}", entry.key, section.heading()),
              suggest_key(section.name, entry.key));
      else if (!key->supported)
        error(entry.location, key->path() + " is not supported by this version");
      else
        check_value(entry.value, *key);
    }
    for (const Key& key : keys())
      if (key.required && key.section == section.name && table.find(key.name) == nullptr)
        error(table.location, fmt::format("{} lacks '{}'", section.heading(), key.name),
              std::string(key.description));
  }

  void check_value(const Value& value, const Key& key) {
    switch (key.type) {
      case Type::integer:
        return check_integer(value, key);
      case Type::share:
        return check_share(value, key);
      case Type::address_list:
      case Type::regex_list:
        return check_list(value, key);
      case Type::size:
        if (value.kind == Kind::integer)
          return wrong_type(value, key, "a string", "write a size with its unit: \"8MiB\"");
        break;
      case Type::duration:
        if (value.kind == Kind::integer)
          return wrong_type(value, key, "a string", "write a duration with its unit: \"5s\"");
        break;
      default:
        break;
    }
    if (value.kind != Kind::string)
      return wrong_type(value, key, "a string");
    check_text(value, key);
  }

  void check_integer(const Value& value, const Key& key) {
    if (value.kind != Kind::integer)
      return wrong_type(value, key, "an integer");
    if (static_cast<double>(value.integer) < key.minimum ||
        static_cast<double>(value.integer) > key.maximum)
      error(value.location,
            fmt::format("{} must be from {} to {}", key.path(), key.minimum, key.maximum));
  }

  void check_share(const Value& value, const Key& key) {
    if (value.kind != Kind::number && value.kind != Kind::integer)
      return wrong_type(value, key, "a number");
    const double number =
        value.kind == Kind::integer ? static_cast<double>(value.integer) : value.number;
    if (!(number >= key.minimum && number <= key.maximum))  // NaN is neither
      error(value.location,
            fmt::format("{} must be from {} to {}", key.path(), key.minimum, key.maximum));
  }

  void check_list(const Value& value, const Key& key) {
    if (value.kind != Kind::array)
      return wrong_type(value, key, "an array of strings");
    for (const Value& item : value.items) {
      if (item.kind != Kind::string)
        wrong_type(item, key, "an array of strings");
      else
        check_text(item, key);
    }
  }

  void check_text(const Value& value, const Key& key) {
    const auto invalid = [&](std::string_view why, std::string hint = "") {
      error(value.location, fmt::format("{}: {}", key.path(), why), std::move(hint));
    };
    switch (key.type) {
      case Type::size: {
        const auto size = parse_size(value.text);
        if (!size)
          invalid(size.error().text());
        else if (static_cast<double>(*size) < key.minimum)
          invalid(fmt::format("must be at least {}",
                              format_size(static_cast<std::uint64_t>(key.minimum))));
        return;
      }
      case Type::duration:
        if (const auto duration = parse_duration(value.text); !duration)
          invalid(duration.error().text());
        return;
      case Type::choice:
        if (is_choice(key.later_choices, value.text))
          error(value.location, fmt::format("{} = \"{}\" is not supported by this version",
                                            key.path(), value.text));
        else if (!is_choice(key.choices, value.text))
          invalid(
              fmt::format("must be {}, not {}", describe_choices(key.choices), quote(value.text)));
        return;
      case Type::path:
        if (!value.text.starts_with('/') || value.text.find('\0') != std::string::npos)
          invalid("must be an absolute path");
        return;
      case Type::address:
      case Type::address_list:
        if (const auto why = address_(value.text))
          invalid(*why);
        return;
      case Type::regex_list: {
        const re2::RE2 expression(value.text, re2::RE2::Quiet);
        if (!expression.ok())
          invalid(fmt::format("bad regular expression: {}", expression.error()),
                  "the syntax is RE2's");
        return;
      }
      default:
        return;
    }
  }

  AddressCheck address_;
  Diagnostics& diagnostics_;
};

}  // namespace

void check_document(const Value& root, AddressCheck address, Diagnostics& diagnostics) {
  Checker(address, diagnostics).check_root(root);
}

}  // namespace parikshan::config
