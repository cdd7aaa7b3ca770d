#include "config/document.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

#include "config/utf8.h"

// Only this file knows toml++: it is slow to compile, and it stops at the first syntax error, so
// everything after the syntax is ours. Two things of it are kept from happening by a look at the
// text beforehand. It bounds the nesting of arrays and inline tables but not that of dotted keys
// ("a.a.a…" in a megabyte is half a million tables, whose destruction recurses off the stack); and
// version 3.3 reaches a __builtin_unreachable() on some letters outside of ASCII where no string
// is. TOML allows those in strings and comments alone, so all of them are refused here.

namespace parikshan::config {
namespace {

struct Position {
  unsigned line = 1;
  unsigned column = 1;
};

struct Refusal {
  std::size_t offset = 0;
  Position position;
  std::string message;
};

/// Walks TOML text just well enough to know what is inside a string or a comment. Past some syntax
/// errors it may be wrong; explain() looks for those.
class Prescan {
 public:
  explicit Prescan(std::string_view text) : size_(text.size()), rest_(text) {}

  /// The first thing that toml++ must not see.
  std::optional<Refusal> find_refused() {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (rest_.starts_with(byte_order_mark))
      rest_.remove_prefix(byte_order_mark.size());
    unsigned dots = 0;
    char before = '\n';  // the last character that is no blank
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (c == '#') {
        skip_line();
        continue;
      }
      if (c == '"' || c == '\'') {
        if (std::string_view("\n=,[{.").find(before) == std::string_view::npos)
          return refuse("invalid TOML: a quote where no string can begin");
        skip_string(c);
      } else {
        if (static_cast<unsigned char>(c) >= 0x80)
          return refuse("invalid TOML: a character outside of ASCII must be in quotes");
        if (c == '.' && ++dots >= deepest_nesting)
          return refuse(fmt::format("a key of more than {} parts", deepest_nesting));
        if (std::string_view("\n=,[]{}").find(c) != std::string_view::npos)
          dots = 0;
        advance(1);
      }
      if (c != ' ' && c != '\t')
        before = c;
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] Refusal refuse(std::string message) const {
    return Refusal{size_ - rest_.size(), position_, std::move(message)};
  }

  void advance(std::size_t bytes) {
    for (; bytes > 0 && !rest_.empty(); --bytes) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      if (byte == '\n')
        position_ = Position{position_.line + 1, 1};
      else if ((byte & 0xC0) != 0x80)
        ++position_.column;
      rest_.remove_prefix(1);
    }
  }

  void skip_line() { advance(std::min(rest_.find('\n'), rest_.size())); }

  void skip_string(char mark) {
    const std::string three(3, mark);
    const bool multi_line = rest_.starts_with(three);
    advance(multi_line ? 3 : 1);
    while (!rest_.empty()) {
      if (mark == '"' && rest_.front() == '\\') {
        advance(2);
      } else if (multi_line && rest_.starts_with(three)) {
        advance(3);
        // Up to two marks more may stand before the closing three.
        for (int more = 0; more < 2 && rest_.starts_with(mark); ++more)
          advance(1);
        return;
      } else if (!multi_line && (rest_.front() == mark || rest_.front() == '\n')) {
        advance(rest_.front() == mark ? 1 : 0);
        return;
      } else {
        advance(1);
      }
    }
  }

  std::size_t size_;
  std::string_view rest_;
  Position position_;
};

Position position_at(std::string_view text, std::size_t offset) {
  Position position;
  for (const char c : text.substr(0, offset)) {
    if (c == '\n')
      position = Position{position.line + 1, 1};
    else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80)
      ++position.column;
  }
  return position;
}

class Converter {
 public:
  Converter(const SourcePointer& source, Diagnostics& diagnostics)
      : source_(source), diagnostics_(diagnostics) {}

  Value convert(const toml::node& node, unsigned depth) {
    Value value;
    value.location = locate(node.source());
    if (!within_limits(value.location, depth))
      return value;
    switch (node.type()) {
      case toml::node_type::table:
        convert_table(*node.as_table(), depth, value);
        break;
      case toml::node_type::array:
        value.kind = Kind::array;
        for (const toml::node& item : *node.as_array())
          value.items.push_back(convert(item, depth + 1));
        break;
      case toml::node_type::string:
        value.kind = Kind::string;
        value.text = **node.as_string();
        break;
      case toml::node_type::integer:
        value.kind = Kind::integer;
        value.integer = **node.as_integer();
        break;
      case toml::node_type::floating_point:
        value.kind = Kind::number;
        value.number = **node.as_floating_point();
        break;
      case toml::node_type::boolean:
        value.kind = Kind::boolean;
        value.boolean = **node.as_boolean();
        break;
      default: {
        value.kind = Kind::date_time;
        std::ostringstream text;
        node.visit([&](const auto& any) { text << any; });
        value.text = text.str();
      }
    }
    return value;
  }

  [[nodiscard]] bool failed() const { return failed_; }

 private:
  Location locate(const toml::source_region& region) const {
    return Location{source_, static_cast<unsigned>(region.begin.line),
                    static_cast<unsigned>(region.begin.column)};
  }

  bool within_limits(const Location& location, unsigned depth) {
    if (failed_)
      return false;
    if (depth > deepest_nesting)
      diagnostics_.push_back(
          {location, fmt::format("nested more than {} deep", deepest_nesting), ""});
    else if (++values_ > most_values)
      diagnostics_.push_back(
          {location, fmt::format("more than {} values in one file", most_values), ""});
    else
      return true;
    failed_ = true;
    return false;
  }

  void convert_table(const toml::table& table, unsigned depth, Value& value) {
    value.kind = Kind::table;
    for (auto&& [key, node] : table)
      value.entries.push_back(
          Entry{std::string(key.str()), locate(key.source()), convert(node, depth + 1)});
    // toml++ sorts by name; people want the order they wrote.
    std::stable_sort(value.entries.begin(), value.entries.end(),
                     [](const Entry& a, const Entry& b) {
                       return std::pair(a.location.line, a.location.column) <
                              std::pair(b.location.line, b.location.column);
                     });
  }

  const SourcePointer& source_;
  Diagnostics& diagnostics_;
  std::size_t values_ = 0;
  bool failed_ = false;
};

/// "Error while parsing key-value pair: expected value" says the same thing the wrong way round.
std::string syntax_message(std::string_view description) {
  constexpr std::string_view opening = "Error while parsing ";
  const auto colon = description.find(": ");
  if (!description.starts_with(opening) || colon == std::string_view::npos)
    return fmt::format("invalid TOML: {}", description);
  return fmt::format("invalid TOML: {} (in a {})", description.substr(colon + 2),
                     description.substr(opening.size(), colon - opening.size()));
}

Diagnostic syntax_error(const SourcePointer& source, const toml::parse_error& error) {
  const auto& begin = error.source().begin;
  return {Location{source, static_cast<unsigned>(begin.line), static_cast<unsigned>(begin.column)},
          syntax_message(error.description()), ""};
}

/// What is wrong with a text that must not be parsed as a whole. The refusal may follow from an
/// earlier error ("'it's é'": the string ended before the s), which then is what to report.
Diagnostic explain(const SourcePointer& source, const Refusal& refusal) {
  const Position at = refusal.position;
  Diagnostic refused{Location{source, at.line, at.column}, refusal.message, ""};
  try {
    [[maybe_unused]] const auto parsed = toml::parse(source->text().substr(0, refusal.offset));
    return refused;
  } catch (const toml::parse_error& error) {
    const auto& begin = error.source().begin;
    // That the text ends is our own doing.
    const bool cut = error.description().find("end-of-file") != std::string_view::npos;
    const bool earlier = std::pair(begin.line, begin.column) < std::pair(at.line, at.column);
    return earlier && !cut ? syntax_error(source, error) : refused;
  }
}

}  // namespace

std::optional<Value> parse_document(const SourcePointer& source, Diagnostics& diagnostics) {
  const std::string_view text = source->text();
  if (const auto offset = find_invalid_utf8(text); offset != std::string_view::npos) {
    const Position at = position_at(text, offset);
    diagnostics.push_back({Location{source, at.line, at.column}, "not UTF-8 text", ""});
    return std::nullopt;
  }
  if (const auto refusal = Prescan(text).find_refused()) {
    diagnostics.push_back(explain(source, *refusal));
    return std::nullopt;
  }
  try {
    const toml::table table = toml::parse(text);
    Converter converter(source, diagnostics);
    Value root = converter.convert(table, 0);
    if (converter.failed())
      return std::nullopt;
    return root;
  } catch (const toml::parse_error& error) {
    diagnostics.push_back(syntax_error(source, error));
    return std::nullopt;
  }
}

}  // namespace parikshan::config
