#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace parikshan {

using Nanoseconds = std::chrono::nanoseconds;

/// "0", "4096", "64KiB", "8MiB", "1.5GiB", "2TiB"; KB, MB, GB, TB are powers of 1000. Bytes.
/// Errors: no number, unknown unit, negative, a fraction of a byte, more than 2^63-1.
Result<std::uint64_t> parse_size(std::string_view text);

/// "250us", "200ms", "30s", "5min", "2h", "1d", and sums such as "1min 30s". A number needs its
/// unit. Errors: no number, unknown unit, negative, longer than about 292 years.
Result<Nanoseconds> parse_duration(std::string_view text);

/// "17/s", "3.5/ms", "1000/min": events a second. Errors: no number, unknown unit, negative, not
/// finite.
Result<double> parse_rate(std::string_view text);

/// Shortest binary-unit form with at most two decimals: "8MiB", "1.25GiB", "512B".
std::string format_size(std::uint64_t bytes);

/// For people: "1.5s", "2min 5s", "3d 4h", "740us".
std::string format_duration(Nanoseconds duration);

}  // namespace parikshan
