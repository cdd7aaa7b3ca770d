#include "window/hitting_time.h"

#include <cmath>
#include <limits>

// The problem: the mean time a birth-death chain takes from n to K is a double sum of powers of
// r = service / arrival. Its textbook closed form,
//
//   (r^(n+1) (r^(K-n) - 1) / (r - 1) - (K - n)) / (arrival (r - 1)),
//
// overflows for r > 1 and loses every digit as r comes near 1, where operators look most closely.
// The choice: two forms that meet where both are good. With d = r - 1 and K |d| <= 1 the double sum
// is expanded in binomials, sum over k of d^k (C(K+1, k+2) - C(n+1, k+2)), which needs some twenty
// terms and takes no difference of large numbers. Elsewhere the closed form is evaluated with expm1
// and log1p, where the parts that are subtracted differ by a third or more. Rejected: adding the
// sum up term by term (10^9 terms, called for a live display), and long double (moves the cliff,
// does not remove it).

namespace parikshan::window {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Arrivals expected on the way, for places * |d| <= 1. `a` and `b` are the binomials' difference
/// and the subtrahend, each times d^k; the recurrence for the difference has only terms of one
/// sign, so nothing cancels even when waiting + 1 == places == 10^9.
double near_saturation(double d, double places, double waiting) {
  const double steps = places - waiting;
  double difference = steps * (places + waiting + 1) / 2;
  double subtrahend = waiting * (waiting + 1) / 2;
  double sum = difference;
  for (int term = 1; term < places; ++term) {
    const double k = term;
    difference = d * (difference * (places - k) + subtrahend * steps) / (k + 2);
    subtrahend = waiting > k ? d * subtrahend * (waiting - k) / (k + 2) : 0;
    sum += difference;
    if (std::abs(difference) <= std::abs(sum) * 1e-17)
      break;
  }
  return sum;
}

/// Arrivals expected on the way, for places * |d| > 1.
double off_saturation(double d, double places, double waiting) {
  const double steps = places - waiting;
  if (d <= -1)
    return steps;
  const double a = std::log1p(d);
  // The last step alone takes more than r^(places - 1) arrivals. Saying so here keeps exp below
  // its range.
  if ((places - 1) * a > 600)
    return infinity;
  const double climb = std::exp((waiting + 1) * a) * std::expm1(steps * a) / d;
  return (climb - steps) / d;
}

}  // namespace

double expected_time_to_overflow(double arrival, double service, double places, double waiting) {
  places = std::floor(places);
  waiting = std::floor(waiting);
  if (waiting >= places)
    return 0;
  if (!(arrival > 0) || std::isinf(service))
    return infinity;
  if (std::isinf(arrival))
    return 0;
  if (std::isinf(places))
    return infinity;
  const double d = (service - arrival) / arrival;
  const double arrivals = places * std::abs(d) <= 1 ? near_saturation(d, places, waiting)
                                                    : off_saturation(d, places, waiting);
  const double seconds = arrivals / arrival;
  if (seconds > unbounded_after)
    return infinity;
  return seconds;
}

}  // namespace parikshan::window
