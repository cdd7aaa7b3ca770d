#include "config/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "config/utf8.h"

// A message quotes what somebody wrote into a file, and goes to a terminal: whatever a terminal
// would obey is made visible first.

namespace parikshan::config {
namespace {

constexpr std::size_t widest_line = 160;
constexpr std::size_t longest_message = 600;

/// Whether a terminal would obey this character, or choke on it, rather than show it.
bool is_control(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1)
    return byte(0) < 0x20 || byte(0) >= 0x7F;
  return character.size() == 2 && byte(0) == 0xC2 && byte(1) < 0xA0;  // U+0080 to U+009F
}

/// The first character of `text`, or its first byte where that is no UTF-8.
std::string_view first_character(std::string_view text) {
  return text.substr(0, std::max<std::size_t>(utf8_length(text), 1));
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    if (out.size() > limit)
      return out + "…";
    const std::string_view character = first_character(text);
    text.remove_prefix(character.size());
    if (!is_control(character)) {
      out += character;
      continue;
    }
    for (const char byte : character)
      out += byte == '\n' ? "\\n" : fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  }
  return out;
}

/// The source line and the caret below it. One character of the line stands for one column, so
/// what cannot be shown becomes '?'; a tab stays one in both lines.
std::string excerpt(std::string_view line, unsigned column) {
  const std::size_t first = column > widest_line ? column - widest_line / 2 : 1;
  std::string shown = first > 1 ? "…" : "";
  std::string caret = first > 1 ? " " : "";
  std::size_t number = 1;
  for (; !line.empty(); ++number) {
    if (number >= first + widest_line) {
      shown += "…";
      break;
    }
    const std::string_view character = first_character(line);
    line.remove_prefix(character.size());
    if (number < first)
      continue;
    const bool tab = character == "\t";
    shown += is_control(character) && !tab ? "?" : character;
    if (number < column)
      caret += tab ? '\t' : ' ';
  }
  // The end of the line is a place as well: one past its last character.
  return fmt::format("  {}\n  {}^\n", shown, caret);
}

}  // namespace

std::string Location::text() const {
  const std::string path = printable(file ? file->path() : "", longest_message);
  return line == 0 ? path : fmt::format("{}:{}", path, line);
}

std::string Diagnostic::text() const {
  std::string out = location.text();
  if (location.line != 0)
    out += fmt::format(":{}", location.column);
  out += fmt::format(": error: {}\n", printable(message, longest_message));
  if (location.line != 0 && location.file)
    out += excerpt(location.file->line(location.line), location.column);
  if (!hint.empty())
    out += fmt::format("  hint: {}\n", printable(hint, longest_message));
  return out;
}

Location whole_file(std::string path) {
  return Location{std::make_shared<const SourceFile>(std::move(path), ""), 0, 0};
}

void sort_diagnostics(Diagnostics& diagnostics) {
  const auto place = [](const Diagnostic& d) {
    return std::make_tuple(
        d.location.file ? std::string_view(d.location.file->path()) : std::string_view(),
        d.location.line, d.location.column, std::string_view(d.message));
  };
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  diagnostics.erase(std::unique(diagnostics.begin(), diagnostics.end(),
                                [&](const auto& a, const auto& b) { return place(a) == place(b); }),
                    diagnostics.end());
}

std::string format_diagnostics(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics)
    out += diagnostic.text();
  return out;
}

}  // namespace parikshan::config
