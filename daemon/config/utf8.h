#pragma once

#include <cstddef>
#include <string_view>

namespace parikshan::config {

/// Bytes of the character that `text` begins with, by RFC 3629 (no overlong forms, no surrogates,
/// nothing over U+10FFFF); 0 when `text` is empty or does not begin with a character.
std::size_t utf8_length(std::string_view text);

/// Offset of the first byte that is not part of a character; npos when all is UTF-8.
std::size_t find_invalid_utf8(std::string_view text);

}  // namespace parikshan::config
