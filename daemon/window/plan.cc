#include "window/plan.h"

#include <fmt/format.h>

#include <cmath>

#include "base/quantity.h"
#include "window/hitting_time.h"

namespace parikshan::window {

Result<Plan> plan(const PlanInput& input) {
  if (!std::isfinite(input.arrival) || input.arrival < 0) {
    return Error{fmt::format("arrival rate must be 0 or more a second, not {}", input.arrival)};
  }
  if (!std::isfinite(input.service) || input.service <= 0) {
    return Error{fmt::format("service rate must be more than 0 a second, not {}", input.service)};
  }
  if (!std::isfinite(input.slowdown) || input.slowdown <= 0) {
    return Error{fmt::format("slowdown must be more than 0, not {}; 1 is as fast as production",
                             input.slowdown)};
  }
  if (input.message == 0)
    return Error{"message size must be at least one byte"};
  if (input.buffer < input.message) {
    return Error{fmt::format("a buffer of {} holds no message of {}", format_size(input.buffer),
                             format_size(input.message))};
  }
  const double service = input.service / input.slowdown;
  const double utilisation = input.arrival / service;
  if (!std::isfinite(utilisation)) {
    return Error{
        fmt::format("service rate {} is too small for slowdown {}", input.service, input.slowdown)};
  }

  Plan result;
  result.places = input.buffer / input.message;
  result.utilisation = utilisation;
  result.seconds =
      expected_time_to_overflow(input.arrival, service, static_cast<double>(result.places), 0);
  result.unbounded = std::isinf(result.seconds);
  return result;
}

}  // namespace parikshan::window
