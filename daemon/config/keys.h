#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace parikshan::config {

enum class Shape { table, array_of_tables };

/// A table of the policy: [buffer], [[duplicate]].
struct Section {
  std::string_view name = {};
  Shape shape = Shape::table;
  bool supported = true;  ///< by this version
  std::string_view description = {};

  /// "[buffer]" or "[[duplicate]]".
  [[nodiscard]] std::string heading() const;
};

/// What a key holds, and how its text is read.
enum class Type {
  integer,       ///< minimum to maximum
  share,         ///< number, minimum to maximum
  size,          ///< string, parse_size; at least minimum bytes
  duration,      ///< string, parse_duration
  choice,        ///< string, one of `choices`
  path,          ///< string, an absolute path
  address,       ///< string, net::Address::parse
  address_list,  ///< array of those
  regex_list     ///< array of strings, RE2 expressions
};

/// One key. The table of these drives the parser; the man page and the examples are compared with
/// it by a test. Choices are words with a space between them.
struct Key {
  std::string_view section = {};
  std::string_view name = {};
  Type type = Type::integer;
  std::string_view default_text = {};  ///< as TOML; empty: required, or unset
  std::string_view description = {};   ///< one line, with the unit
  std::string_view choices = {};
  std::string_view later_choices = {};  ///< of the design, not supported by this version
  double minimum = 0;
  double maximum = 0;
  bool required = false;
  bool supported = true;

  /// "buffer.session".
  [[nodiscard]] std::string path() const;
  /// The default without the quotes of a TOML string.
  [[nodiscard]] std::string_view default_value() const;
};

/// All sections and keys, those that this version does not support included.
std::span<const Section> sections();
std::span<const Key> keys();

const Section* find_section(std::string_view name);
const Key* find_key(std::string_view section, std::string_view name);

/// Whether `word` is one of the words of `choices`.
bool is_choice(std::string_view choices, std::string_view word);

/// "\"a\", \"b\" or \"c\"": for messages.
std::string describe_choices(std::string_view choices);

/// What the writer of an unknown key probably meant ("did you mean 'session'?", "'session' belongs
/// in [buffer]"); empty when nothing is near. `section` empty: a key outside of all tables.
std::string suggest_key(std::string_view section, std::string_view name);
std::string suggest_section(std::string_view name);

}  // namespace parikshan::config
