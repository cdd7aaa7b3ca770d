#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/value.h"

namespace parikshan::config {

/// Why a text is no address, or nullopt. Given by the caller: what an address is belongs to the
/// network, which stands above this folder.
using AddressCheck = std::optional<std::string> (*)(std::string_view text);

/// Checks one file, before it is merged with others, against the table of keys: unknown and
/// unsupported tables and keys, types, ranges, sizes, durations, choices, addresses, regular
/// expressions, and keys that a table must have. Appends all that is wrong.
void check_document(const Value& root, AddressCheck address, Diagnostics& diagnostics);

}  // namespace parikshan::config
