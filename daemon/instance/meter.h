#pragma once

#include <cstdint>

namespace parikshan::instance {

/// The rate of a counter that only grows, smoothed over a few seconds.
class Meter {
 public:
  /// The counter stood at `count` at `now_ms`.
  void sample(std::uint64_t count, std::int64_t now_ms);
  /// Units a second; 0 before two samples.
  [[nodiscard]] double rate() const { return rate_; }
  /// The same between the last two samples alone.
  [[nodiscard]] double latest() const { return latest_; }

 private:
  bool started_ = false;
  std::uint64_t last_ = 0;
  std::int64_t last_ms_ = 0;
  double rate_ = 0;
  double latest_ = 0;
};

}  // namespace parikshan::instance
