#pragma once

#include <string>

namespace parikshan::ctl {

/// "1.25MiB/s", "12B/s".
std::string byte_rate(double bytes_a_second);
/// "17/s", "0.25/s".
std::string event_rate(double events_a_second);
/// "2min 5s"; more than 292 years is "centuries".
std::string seconds_text(double seconds);
std::string plural(unsigned long count, const char* noun);

}  // namespace parikshan::ctl
