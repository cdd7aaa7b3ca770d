#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "window/hitting_time.h"
#include "window/plan.h"

namespace parikshan::window {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The mean hitting times of `places` from every lower state, from the first-step equations
///   (arrival + service_i) t_i - arrival t_(i+1) - service_i t_(i-1) = 1,  t_places = 0,
/// by Gaussian elimination with pivoting: shares no step with the closed forms under test.
std::vector<double> solve_first_step(double arrival, double service, std::size_t places) {
  std::vector<std::vector<long double>> rows(places, std::vector<long double>(places + 1, 0));
  for (std::size_t i = 0; i < places; ++i) {
    const double down = i == 0 ? 0 : service;
    rows[i][i] = static_cast<long double>(arrival) + down;
    if (i > 0)
      rows[i][i - 1] = -down;
    if (i + 1 < places)
      rows[i][i + 1] = -arrival;
    rows[i][places] = 1;
  }
  for (std::size_t column = 0; column < places; ++column) {
    std::size_t pivot = column;
    for (std::size_t i = column + 1; i < places; ++i) {
      if (std::abs(rows[i][column]) > std::abs(rows[pivot][column]))
        pivot = i;
    }
    std::swap(rows[column], rows[pivot]);
    for (std::size_t i = 0; i < places; ++i) {
      if (i == column)
        continue;
      const long double factor = rows[i][column] / rows[column][column];
      for (std::size_t j = column; j <= places; ++j)
        rows[i][j] -= factor * rows[column][j];
    }
  }
  std::vector<double> times(places);
  for (std::size_t i = 0; i < places; ++i) {
    times[i] = static_cast<double>(rows[i][places] / rows[i][i]);
  }
  return times;
}

/// One walk of the chain until `places` are taken. Both exponential clocks run apart, so that the
/// law of the sum of the rates, which the derivation uses, is not assumed here.
double simulate(double arrival, double service, int places, int waiting, std::mt19937_64& random) {
  std::exponential_distribution<double> next_arrival(arrival);
  std::exponential_distribution<double> next_service(service);
  double arrives = next_arrival(random);
  double leaves = waiting > 0 ? next_service(random) : infinity;
  for (;;) {
    if (arrives < leaves) {
      if (++waiting == places)
        return arrives;
      if (waiting == 1)
        leaves = arrives + next_service(random);
      arrives += next_arrival(random);
    } else {
      leaves = --waiting > 0 ? leaves + next_service(random) : infinity;
    }
  }
}

class AgainstLinearSystem : public testing::TestWithParam<std::tuple<double, int>> {};

TEST_P(AgainstLinearSystem, EveryStart) {
  const auto [service, places] = GetParam();
  const double arrival = 2.5;
  const std::vector<double> solved =
      solve_first_step(arrival, service * arrival, static_cast<std::size_t>(places));
  for (int waiting = 0; waiting < places; ++waiting) {
    const double expected = solved[static_cast<std::size_t>(waiting)];
    if (expected > unbounded_after)
      continue;
    EXPECT_NEAR(expected_time_to_overflow(arrival, service * arrival, places, waiting) / expected,
                1.0, 1e-10)
        << "places " << places << " waiting " << waiting;
  }
}

INSTANTIATE_TEST_SUITE_P(Window, AgainstLinearSystem,
                         testing::Combine(testing::Values(0.01, 0.2, 0.5, 0.9, 0.99, 1 - 1e-9, 1.0,
                                                          1 + 1e-9, 1.001, 1.02, 1.04, 1.3, 2.0),
                                          testing::Values(1, 2, 3, 7, 24, 50)));

TEST(Window, MonteCarloAgrees) {
  struct Case {
    double arrival, service;
    int places, waiting;
  };
  std::mt19937_64 random(20180903);
  for (const Case& c : {Case{10, 20, 8, 0}, Case{10, 10, 20, 5}, Case{10, 6, 60, 0}}) {
    constexpr int runs = 20000;
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < runs; ++i) {
      const double seconds = simulate(c.arrival, c.service, c.places, c.waiting, random);
      sum += seconds;
      squares += seconds * seconds;
    }
    const double mean = sum / runs;
    const double standard_error = std::sqrt((squares / runs - mean * mean) / runs);
    const double formula = expected_time_to_overflow(c.arrival, c.service, c.places, c.waiting);
    EXPECT_LT(std::abs(mean - formula), 4 * standard_error) << "service " << c.service;
    EXPECT_LT(standard_error, 0.01 * formula) << "too few runs to tell a wrong formula";
  }
}

TEST(Window, ManyPlaces) {
  const double billion = 1e9;
  EXPECT_DOUBLE_EQ(expected_time_to_overflow(1e12, 1e12, billion, 0), (billion + 1) / 2 * 1e-3);
  EXPECT_DOUBLE_EQ(expected_time_to_overflow(1, 1, billion, billion - 1), billion);
  EXPECT_NEAR(expected_time_to_overflow(1, 0.5, billion, 0), 2 * billion - 2, 1e-3);
  EXPECT_NEAR(expected_time_to_overflow(1, 0, billion, 3), billion - 3, 1e-6);
  // The closed form in decimal arithmetic of 120 digits.
  EXPECT_NEAR(expected_time_to_overflow(1e9, 1e9 * (1 + 1e-9), billion, 0) / 718281862.40161026, 1,
              1e-13);
  EXPECT_NEAR(
      expected_time_to_overflow(1e9, 1e9 * (1 - 5e-9), billion, billion - 10) / 1.9865241058670702,
      1, 1e-13);
  EXPECT_EQ(expected_time_to_overflow(1, 1.1, billion, 0), infinity);
  EXPECT_EQ(expected_time_to_overflow(1, 1e300, billion, 0), infinity);
}

/// The two forms meet at places * |d| = 1; a jump there would be seen by an operator who watches.
TEST(Window, FormsMeet) {
  for (const double places : {10.0, 1000.0, 1e6, 1e9}) {
    for (const double sign : {-1.0, 1.0}) {
      for (const double part : {0.0, 0.5, 0.999}) {
        const double waiting = std::floor(places * part);
        const double arrival = 1e9;
        const double inside = arrival * (1 + sign * (1 - 1e-7) / places);
        const double outside = arrival * (1 + sign * (1 + 1e-7) / places);
        const double a = expected_time_to_overflow(arrival, inside, places, waiting);
        const double b = expected_time_to_overflow(arrival, outside, places, waiting);
        EXPECT_NEAR(a / b, 1, 1e-6) << places << " " << sign << " " << waiting;
        EXPECT_EQ(sign > 0, a < b) << places << " " << sign << " " << waiting;
      }
    }
  }
}

TEST(Window, Edges) {
  EXPECT_EQ(expected_time_to_overflow(1, 2, 5, 5), 0);
  EXPECT_EQ(expected_time_to_overflow(1, 2, 5, 9), 0);
  EXPECT_EQ(expected_time_to_overflow(1, 2, 0, 0), 0);
  EXPECT_EQ(expected_time_to_overflow(0, 2, 5, 0), infinity);
  EXPECT_EQ(expected_time_to_overflow(1, infinity, 5, 0), infinity);
  EXPECT_DOUBLE_EQ(expected_time_to_overflow(4, 100, 1, 0), 0.25);
  EXPECT_DOUBLE_EQ(expected_time_to_overflow(4, 100, 1.9, 0.9), 0.25);
  EXPECT_DOUBLE_EQ(expected_time_to_overflow(4, 0, 8, 0), 2);
  EXPECT_EQ(expected_time_to_overflow(1e-10, 0, 8, 0), infinity) << "more than a hundred years";
}

TEST(WindowPlan, SaturatedReplica) {
  const Result<Plan> result = plan({17, 27, 3.2, 16384, 1024});
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->unbounded);
  EXPECT_EQ(result->places, 16U);
  EXPECT_DOUBLE_EQ(result->utilisation, 17 * 3.2 / 27);
  EXPECT_NEAR(result->seconds / solve_first_step(17, 27 / 3.2, 16)[0], 1, 1e-10);
}

TEST(WindowPlan, BelowSaturation) {
  const Result<Plan> large = plan({17, 27, 1, 16777216, 1024});
  ASSERT_TRUE(large.ok());
  EXPECT_TRUE(large->unbounded);
  EXPECT_EQ(large->seconds, infinity);
  const Result<Plan> small = plan({17, 27, 1, 8192, 1024});
  ASSERT_TRUE(small.ok());
  EXPECT_FALSE(small->unbounded);
  EXPECT_NEAR(small->seconds / solve_first_step(17, 27, 8)[0], 1, 1e-10);
}

TEST(WindowPlan, RefusesNonsense) {
  const PlanInput good{17, 27, 3.2, 16384, 1024};
  ASSERT_TRUE(plan(good).ok());
  const auto refused = [&](auto change, const char* word) {
    PlanInput input = good;
    change(input);
    const Result<Plan> result = plan(input);
    ASSERT_FALSE(result.ok()) << word;
    EXPECT_NE(result.error().text().find(word), std::string::npos) << result.error().text();
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {-1.0, infinity, nan}) {
    refused([&](PlanInput& input) { input.arrival = bad; }, "arrival");
    refused([&](PlanInput& input) { input.service = bad; }, "service");
    refused([&](PlanInput& input) { input.slowdown = bad; }, "slowdown");
  }
  refused([](PlanInput& input) { input.service = 0; }, "service");
  refused([](PlanInput& input) { input.slowdown = 0; }, "slowdown");
  refused([](PlanInput& input) { input.message = 0; }, "message");
  refused([](PlanInput& input) { input.buffer = 1023; }, "buffer");
  refused([](PlanInput& input) { input.service = 1e-300, input.slowdown = 1e300; }, "service");
}

}  // namespace
}  // namespace parikshan::window
