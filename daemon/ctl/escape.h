#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace parikshan::ctl {

/// `text` as a terminal may be shown it: control characters (C0, DEL, C1), marks that reorder or
/// break lines, and bytes that are no UTF-8 become "\n", "\r", "\t" or "\x1b". A backslash stays.
/// Everything that came from an instance goes through here before it is printed.
std::string printable(std::string_view text);

/// The first `columns` characters of `text`, which is printable. A character counts as one column.
std::string clipped(std::string_view text, std::size_t columns);

/// Characters in `text`, which is printable.
std::size_t width_of(std::string_view text);

}  // namespace parikshan::ctl
