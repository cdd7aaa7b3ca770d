#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace parikshan::ctl {

/// One side of a comparison: bytes, and the offset of the first of them in its stream.
struct Side {
  std::string_view bytes;
  std::uint64_t offset = 0;
};

/// Both sides, byte against byte, 16 in a row, in 79 columns. Rows that are the same stand once;
/// of the others, "-" is `production`, "+" is `replica`, and "^^" stands under what differs.
std::string hexdump(const Side& production, const Side& replica);

}  // namespace parikshan::ctl
