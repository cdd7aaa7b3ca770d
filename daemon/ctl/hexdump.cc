#include "ctl/hexdump.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

namespace parikshan::ctl {
namespace {

constexpr std::size_t row_bytes = 16;

/// The byte of a side in `column` of the row that begins at `begin`; rows stand at multiples of 16
/// of production's offset, so that the first one may begin with a gap of `gap` columns.
std::optional<unsigned char> at(const Side& side, std::size_t begin, std::size_t column,
                                std::size_t gap) {
  const std::size_t index = begin + column;
  if (index < gap || index - gap >= side.bytes.size())
    return std::nullopt;
  return static_cast<unsigned char>(side.bytes[index - gap]);
}

std::string row(char sign, const Side& side, std::size_t begin, std::size_t gap) {
  // The offset is that of the row's first byte that is there.
  const std::size_t first = begin < gap ? 0 : begin - gap;
  std::string line = fmt::format("{} {:08x}  ", sign, side.offset + first);
  std::string ascii;
  for (std::size_t column = 0; column < row_bytes; ++column) {
    const auto byte = at(side, begin, column, gap);
    line += byte ? fmt::format("{:02x} ", *byte) : "   ";
    ascii += !byte ? ' ' : *byte >= 0x20 && *byte < 0x7f ? static_cast<char>(*byte) : '.';
  }
  return fmt::format("{} |{}|\n", line, ascii);
}

}  // namespace

std::string hexdump(const Side& production, const Side& replica) {
  std::string text;
  const auto gap = static_cast<std::size_t>(production.offset % row_bytes);
  const std::size_t length = gap + std::max(production.bytes.size(), replica.bytes.size());
  for (std::size_t begin = 0; begin < length; begin += row_bytes) {
    std::string marks;
    for (std::size_t column = 0; column < row_bytes; ++column)
      marks +=
          at(production, begin, column, gap) == at(replica, begin, column, gap) ? "   " : "^^ ";
    marks.erase(marks.find_last_not_of(' ') + 1);
    if (marks.empty()) {
      text += row(' ', production, begin, gap);
      continue;
    }
    text += row('-', production, begin, gap);
    text += row('+', replica, begin, gap);
    text += fmt::format("{:12}{}\n", "", marks);
  }
  return text;
}

}  // namespace parikshan::ctl
