#include "ctl/figure.h"

#include <fmt/format.h>

#include <cmath>

#include "base/quantity.h"

namespace parikshan::ctl {

std::string byte_rate(double bytes_a_second) {
  // Above 2^62 there is nothing to tell apart, and the cast would be undefined.
  const double sane = bytes_a_second >= 0 ? std::fmin(bytes_a_second, 4.6e18) : 0;
  return format_size(static_cast<std::uint64_t>(sane)) + "/s";
}

std::string event_rate(double events_a_second) {
  return fmt::format("{:.4g}/s", events_a_second);
}

std::string seconds_text(double seconds) {
  if (!(seconds >= 0))
    return "0s";
  if (seconds > 9.2e9)
    return "centuries";
  // Digits below a thousandth of the whole say nothing.
  double rounded = seconds;
  if (seconds >= 10)
    rounded = std::round(seconds);
  else if (seconds >= 0.001)
    rounded = std::round(seconds * 1000) / 1000;
  return format_duration(Nanoseconds(static_cast<std::int64_t>(rounded * 1e9)));
}

std::string plural(unsigned long count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace parikshan::ctl
