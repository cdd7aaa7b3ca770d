#include "instance/meter.h"

#include <cmath>

namespace parikshan::instance {
namespace {

constexpr double memory_seconds = 2;  // what happened longer ago weighs less than 1/e

}  // namespace

void Meter::sample(std::uint64_t count, std::int64_t now_ms) {
  const double passed = static_cast<double>(now_ms - last_ms_) / 1000;
  if (started_ && passed <= 0)
    return;
  if (started_) {
    const double now = count >= last_ ? static_cast<double>(count - last_) / passed : 0;
    latest_ = now;
    rate_ += (now - rate_) * (1 - std::exp(-passed / memory_seconds));
  }
  started_ = true;
  last_ = count;
  last_ms_ = now_ms;
}

}  // namespace parikshan::instance
