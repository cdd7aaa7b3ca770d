#include "base/quantity.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

// Quantities are read as decimal fractions of whole units and never through a double: "0.1GiB"
// must be refused, not rounded, and 2^63-1 bytes must not become 2^63.

namespace parikshan {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array size_units{
    Unit{"", 1},
    Unit{"B", 1},
    Unit{"KiB", 1ULL << 10},
    Unit{"MiB", 1ULL << 20},
    Unit{"GiB", 1ULL << 30},
    Unit{"TiB", 1ULL << 40},
    Unit{"KB", 1000},
    Unit{"MB", 1000ULL * 1000},
    Unit{"GB", 1000ULL * 1000 * 1000},
    Unit{"TB", 1000ULL * 1000 * 1000 * 1000},
};

constexpr std::array duration_units{
    Unit{"us", 1000},
    Unit{"ms", 1000ULL * 1000},
    Unit{"s", 1000ULL * 1000 * 1000},
    Unit{"min", 60ULL * 1000 * 1000 * 1000},
    Unit{"h", 3600ULL * 1000 * 1000 * 1000},
    Unit{"d", 86400ULL * 1000 * 1000 * 1000},
};

constexpr std::array rate_units{
    Unit{"us", 1000},
    Unit{"ms", 1000ULL * 1000},
    Unit{"s", 1000ULL * 1000 * 1000},
    Unit{"min", 60ULL * 1000 * 1000 * 1000},
    Unit{"h", 3600ULL * 1000 * 1000 * 1000},
};

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units)
    if (unit.name == name)
      return &unit;
  return nullptr;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// A decimal number without sign or exponent: `mantissa` / `scale`.
struct Decimal {
  Wide mantissa = 0;
  std::uint64_t scale = 1;
};

enum class Scan { number, none, too_large };

/// Takes a number off the front of `text`. At most nine digits after the point, so that mantissa
/// times any factor fits in 128 bits.
Scan take_decimal(std::string_view& text, Decimal& out) {
  if (text.empty() || !is_digit(text.front()))
    return Scan::none;
  out = Decimal{};
  while (!text.empty() && is_digit(text.front())) {
    out.mantissa = out.mantissa * 10 + static_cast<unsigned>(text.front() - '0');
    if (out.mantissa > largest)
      return Scan::too_large;
    text.remove_prefix(1);
  }
  if (text.size() < 2 || text.front() != '.' || !is_digit(text[1]))
    return Scan::number;
  text.remove_prefix(1);
  while (!text.empty() && is_digit(text.front())) {
    if (out.scale == 1000000000)
      return Scan::too_large;
    out.mantissa = out.mantissa * 10 + static_cast<unsigned>(text.front() - '0');
    out.scale *= 10;
    text.remove_prefix(1);
  }
  return Scan::number;
}

std::string_view take_word(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && text[length] != ' ' && !is_digit(text[length]))
    ++length;
  const std::string_view word = text.substr(0, length);
  text.remove_prefix(length);
  return word;
}

/// `hundredths` of a unit with at most two decimals: 150 is "1.5".
std::string decimals(std::uint64_t hundredths) {
  const std::uint64_t whole = hundredths / 100;
  const std::uint64_t rest = hundredths % 100;
  if (rest == 0)
    return fmt::format("{}", whole);
  if (rest % 10 == 0)
    return fmt::format("{}.{}", whole, rest / 10);
  return fmt::format("{}.{:02}", whole, rest);
}

std::uint64_t rounded_hundredths(std::uint64_t value, std::uint64_t unit) {
  return static_cast<std::uint64_t>((static_cast<Wide>(value) * 100 + unit / 2) / unit);
}

std::string two_units(std::uint64_t value, std::uint64_t small, std::uint64_t large,
                      std::string_view small_name, std::string_view large_name) {
  const std::uint64_t whole = value / large;
  const std::uint64_t rest = value % large / small;
  if (rest == 0)
    return fmt::format("{}{}", whole, large_name);
  return fmt::format("{}{} {}{}", whole, large_name, rest, small_name);
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error{fmt::format("'{}' is no size: {}", text, why)};
  };
  if (text.starts_with('-'))
    return bad("it is negative");
  std::string_view rest = text;
  Decimal number;
  switch (take_decimal(rest, number)) {
    case Scan::none:
      return bad("it must begin with a number, as in \"8MiB\"");
    case Scan::too_large:
      return bad("the number has too many digits");
    case Scan::number:
      break;
  }
  const Unit* unit = find_unit(size_units, rest);
  if (unit == nullptr)
    return bad(fmt::format("unknown unit '{}'; use B, KiB, MiB, GiB, TiB, KB, MB, GB or TB", rest));
  const Wide product = number.mantissa * unit->factor;
  if (product % number.scale != 0)
    return bad("it is not a whole number of bytes");
  if (product / number.scale > largest)
    return bad("it is more than 2^63-1 bytes");
  return static_cast<std::uint64_t>(product / number.scale);
}

Result<Nanoseconds> parse_duration(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error{fmt::format("'{}' is no duration: {}", text, why)};
  };
  if (text.starts_with('-'))
    return bad("it is negative");
  std::string_view rest = text;
  Wide total = 0;
  do {
    Decimal number;
    switch (take_decimal(rest, number)) {
      case Scan::none:
        return bad("it must be numbers with units, as in \"1min 30s\"");
      case Scan::too_large:
        return bad("the number has too many digits");
      case Scan::number:
        break;
    }
    const std::string_view name = take_word(rest);
    if (name.empty())
      return bad("a number lacks its unit: us, ms, s, min, h or d");
    const Unit* unit = find_unit(duration_units, name);
    if (unit == nullptr)
      return bad(fmt::format("unknown unit '{}'; use us, ms, s, min, h or d", name));
    total += number.mantissa * unit->factor / number.scale;
    if (total > largest)
      return bad("it is longer than 292 years");
    if (rest.starts_with(' ') && rest.size() > 1)
      rest.remove_prefix(1);
  } while (!rest.empty());
  return Nanoseconds(static_cast<std::int64_t>(total));
}

Result<double> parse_rate(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error{fmt::format("'{}' is no rate: {}", text, why)};
  };
  if (text.starts_with('-'))
    return bad("it is negative");
  const auto slash = text.find('/');
  if (slash == std::string_view::npos)
    return bad("write events per unit of time, as in \"17/s\"");
  const std::string_view digits = text.substr(0, slash);
  double count = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (problem == std::errc::result_out_of_range)
    return bad("the number is out of range");
  if (problem != std::errc() || end != digits.data() + digits.size())
    return bad("it must begin with a number, as in \"17/s\"");
  const std::string_view name = text.substr(slash + 1);
  const Unit* unit = find_unit(rate_units, name);
  if (unit == nullptr)
    return bad(fmt::format("unknown unit of time '{}'; use us, ms, s, min or h", name));
  const double rate = count * 1e9 / static_cast<double>(unit->factor);
  if (!std::isfinite(rate))
    return bad("it is not finite");
  return rate;
}

std::string format_size(std::uint64_t bytes) {
  if (bytes < 1024)
    return fmt::format("{}B", bytes);
  constexpr std::array<std::string_view, 6> names{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::uint64_t unit = 1024;
  std::size_t index = 0;
  // Rounding comes before the choice of the unit: 1048575 is "1MiB", not "1024KiB".
  while (index + 1 < names.size() && rounded_hundredths(bytes, unit) >= 102400) {
    unit <<= 10;
    ++index;
  }
  return decimals(rounded_hundredths(bytes, unit)) + std::string(names[index]);
}

std::string format_duration(Nanoseconds duration) {
  constexpr std::uint64_t us = 1000;
  constexpr std::uint64_t ms = 1000 * us;
  constexpr std::uint64_t s = 1000 * ms;
  constexpr std::uint64_t min = 60 * s;
  constexpr std::uint64_t h = 60 * min;
  constexpr std::uint64_t d = 24 * h;

  const std::int64_t count = duration.count();
  if (count == 0)
    return "0s";
  const std::string sign = count < 0 ? "-" : "";
  const std::uint64_t ns =
      count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
  if (ns < us)
    return fmt::format("{}{}ns", sign, ns);
  if (rounded_hundredths(ns, us) < 100000)
    return sign + decimals(rounded_hundredths(ns, us)) + "us";
  if (rounded_hundredths(ns, ms) < 100000)
    return sign + decimals(rounded_hundredths(ns, ms)) + "ms";
  if (rounded_hundredths(ns, s) < 6000)
    return sign + decimals(rounded_hundredths(ns, s)) + "s";
  // Beyond a minute the fraction of the smaller unit tells nobody anything: round it away.
  const std::uint64_t seconds = (ns + s / 2) / s * s;
  if (seconds < h)
    return sign + two_units(seconds, s, min, "s", "min");
  const std::uint64_t minutes = (ns + min / 2) / min * min;
  if (minutes < d)
    return sign + two_units(minutes, min, h, "min", "h");
  return sign + two_units((ns + h / 2) / h * h, h, d, "h", "d");
}

}  // namespace parikshan
