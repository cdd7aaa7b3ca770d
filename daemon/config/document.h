#pragma once

#include <cstddef>
#include <optional>

#include "config/value.h"

namespace parikshan::config {

/// Tables within tables, values within arrays and parts of a dotted key: more than this is no
/// policy, and would be a deep recursion in whoever walks it.
constexpr unsigned deepest_nesting = 16;
/// Values of one file, tables included.
constexpr std::size_t most_values = 10000;

/// Parses the text of one file (TOML 1.0). nullopt with one diagnostic appended when it is not
/// UTF-8, no TOML, or beyond the limits above. Touches nothing but its arguments.
std::optional<Value> parse_document(const SourcePointer& source, Diagnostics& diagnostics);

}  // namespace parikshan::config
