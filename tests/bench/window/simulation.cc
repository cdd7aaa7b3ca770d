// The debug window, simulated: a queue of K places between production's clients and a slow replica,
// event by event, until it is full or the horizon has passed. The formula that `parikshanctl
// window` uses is one mean over this process, so the two are compared here, point by point.
//
// The simulation draws the time of each arrival and each service and merges the two streams; it
// does not walk the chain's transition probabilities, which would share the formula's own first
// step and so could not disagree with it.
//
//   window-simulation --csv FILE   points for the plot (see plot)
//   window-simulation --check      exit status 1 when a simulated mean is off the formula

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "window/hitting_time.h"

namespace parikshan::window {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Queue {
  double arrival;   // messages a second
  double service;   // messages a second, of production
  double slowdown;  // percent that the replica takes longer; 0 is production's own pace
  int places;

  [[nodiscard]] double replica_service() const { return service / (1 + slowdown / 100); }
  [[nodiscard]] double formula() const {
    return expected_time_to_overflow(arrival, replica_service(), places, 0);
  }
};

/// Seconds until `places` are taken, or infinity when that takes longer than `horizon`.
double simulate(const Queue& queue, double horizon, std::mt19937_64& random) {
  std::exponential_distribution<double> between_arrivals(queue.arrival);
  std::exponential_distribution<double> serving(queue.replica_service());
  double arrives = between_arrivals(random);
  double leaves = infinity;
  int waiting = 0;
  for (;;) {
    if (arrives > horizon && leaves > horizon)
      return infinity;
    if (arrives < leaves) {
      if (++waiting == queue.places)
        return arrives;
      if (waiting == 1)
        leaves = arrives + serving(random);
      arrives += between_arrivals(random);
    } else {
      leaves = --waiting > 0 ? leaves + serving(random) : infinity;
    }
  }
}

struct Sample {
  int runs = 0;
  int overflowed = 0;
  double mean = 0;            // seconds, of the runs that overflowed
  double standard_error = 0;  // of that mean
};

Sample sample(const Queue& queue, double horizon, int runs, std::mt19937_64& random) {
  Sample result;
  double squares = 0;
  for (; result.runs < runs; ++result.runs) {
    const double seconds = simulate(queue, horizon, random);
    if (std::isinf(seconds))
      continue;
    ++result.overflowed;
    const double deviation = seconds - result.mean;
    result.mean += deviation / result.overflowed;
    squares += deviation * (seconds - result.mean);
  }
  if (result.overflowed > 1) {
    result.standard_error =
        std::sqrt(squares / (result.overflowed - 1.0) / static_cast<double>(result.overflowed));
  }
  return result;
}

/// Means without a horizon, on both sides of saturation; then runs cut at a horizon far below the
/// expected time, where the overflow rate is known: passages out of a long stay are exponential.
int check() {
  std::mt19937_64 random(20180903);
  int failures = 0;
  constexpr double deviations = 4;  // a false alarm in 16,000 points; the seed is fixed besides
  for (const int places : {1, 5, 20, 200}) {
    for (const double slowdown : {0.0, 100.0, 300.0, 400.0, 450.0, 600.0, 1000.0, 2000.0}) {
      const Queue queue{20, 100, slowdown, places};
      const double expected = queue.formula();
      if (expected * queue.arrival > 20000)
        continue;  // too long to simulate to its end
      const Sample s = sample(queue, infinity, 4000, random);
      const bool off = std::abs(s.mean - expected) > deviations * s.standard_error;
      fmt::print("places {:3} slowdown {:4}%: simulated {:.4g} s, formula {:.4g} s{}\n", places,
                 slowdown, s.mean, expected, off ? "  OFF" : "");
      if (off)
        ++failures;
    }
  }
  for (const double slowdown : {150.0, 250.0}) {
    const Queue queue{20, 100, slowdown, 20};
    const double horizon = 2000;
    const int runs = 400;
    const double due = runs * (1 - std::exp(-horizon / queue.formula()));
    const Sample s = sample(queue, horizon, runs, random);
    const bool off = std::abs(s.overflowed - due) > deviations * std::sqrt(due) + 1;
    fmt::print(
        "places  20 slowdown {:4}%: {} of {} runs overflowed within {} s, formula {:.1f}{}\n",
        slowdown, s.overflowed, runs, horizon, due, off ? "  OFF" : "");
    if (off)
      ++failures;
  }
  fmt::print("{}\n", failures == 0 ? "the formula holds" : "the formula is off");
  return failures == 0 ? 0 : 1;
}

int write_points(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "we");
  if (file == nullptr) {
    std::perror(path.c_str());
    return 2;
  }
  constexpr double service = 100;
  constexpr double horizon = 20000;
  constexpr int places = 256;
  std::mt19937_64 random(20180903);
  fmt::print(file, "arrival,service,places,horizon,slowdown,formula,runs,overflowed,mean\n");
  for (const double arrival : {10.0, 20.0, 30.0}) {
    for (int slowdown = 0; slowdown <= 1400; slowdown += 10) {
      const Queue queue{arrival, service, static_cast<double>(slowdown), places};
      Sample s;
      // Points of a plot stand wider apart than those of its curve.
      if (slowdown % 50 == 0) {
        const bool far_below = queue.formula() > 100 * horizon;
        s = sample(queue, horizon, far_below ? 5 : 60, random);
      }
      fmt::print(file, "{},{},{},{},{},{},{},{},{}\n", arrival, service, places, horizon, slowdown,
                 queue.formula(), s.runs, s.overflowed, s.mean);
    }
  }
  if (std::fclose(file) != 0) {
    std::perror(path.c_str());
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace parikshan::window

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1 && arguments[0] == "--check")
    return parikshan::window::check();
  if (arguments.size() == 2 && arguments[0] == "--csv") {
    return parikshan::window::write_points(std::string(arguments[1]));
  }
  fmt::print(stderr, "usage: window-simulation --check | --csv FILE\n");
  return 2;
}
