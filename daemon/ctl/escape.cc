// What an instance reports holds what its clients and replicas sent. Printed as it came, an escape
// sequence in it could retitle, recolour or reprogram the operator's terminal.
#include "ctl/escape.h"

#include <fmt/format.h>

#include <array>

#include "config/utf8.h"

namespace parikshan::ctl {
namespace {

/// Characters that print nothing themselves but change how others are shown, by their UTF-8.
bool is_invisible(std::string_view character) {
  if (character.size() == 2)
    return character[0] == '\xc2' && static_cast<unsigned char>(character[1]) < 0xa0;  // C1
  if (character.size() != 3)
    return false;
  // Direction marks, line and paragraph separators, embeddings, overrides and isolates.
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> ranges{{
      {"\xe2\x80\x8b", "\xe2\x80\x8f"},
      {"\xe2\x80\xa8", "\xe2\x80\xae"},
      {"\xe2\x81\xa0", "\xe2\x81\xaf"},
      {"\xef\xbb\xbf", "\xef\xbb\xbf"},
  }};
  for (const auto& [first, last] : ranges) {
    if (character >= first && character <= last)
      return true;
  }
  return false;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = config::utf8_length(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    const auto byte = static_cast<unsigned char>(character[0]);
    const bool control = length == 0 || byte < 0x20 || byte == 0x7f || is_invisible(character);
    if (!control) {
      shown += character;
    } else if (byte == '\n') {
      shown += "\\n";
    } else if (byte == '\r') {
      shown += "\\r";
    } else if (byte == '\t') {
      shown += "\\t";
    } else {
      for (const char c : character)
        fmt::format_to(std::back_inserter(shown), "\\x{:02x}", static_cast<unsigned char>(c));
    }
    text.remove_prefix(character.size());
  }
  return shown;
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text)
    width += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return width;
}

std::string clipped(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  for (std::size_t width = 0; end < text.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80;
    if (begins && width++ == columns)
      break;
  }
  return std::string(text.substr(0, end));
}

}  // namespace parikshan::ctl
