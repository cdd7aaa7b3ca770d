#pragma once

#include <cstdint>

#include "base/error.h"

namespace parikshan::window {

/// What an operator knows before there is an instance.
struct PlanInput {
  double arrival = 0;            ///< messages a second from all clients
  double service = 0;            ///< messages a second production could serve
  double slowdown = 1;           ///< 3.2: the replica takes 3.2 times as long for each message
  std::uint64_t buffer = 0;      ///< bytes of quota, memory and spill
  std::uint64_t message = 1024;  ///< mean bytes of a message
};

struct Plan {
  bool unbounded = false;    ///< no overflow within `unbounded_after`; `seconds` is infinity
  double seconds = 0;        ///< expected time until an empty buffer is full
  double utilisation = 0;    ///< arrival over the replica's service; from 1 on it falls behind
  std::uint64_t places = 0;  ///< messages the buffer holds
};

/// The expected debug window of a replica that starts with nothing waiting. Pure; any thread.
/// Errors, naming the value that is wrong: rates or a slowdown that are not finite or negative, no
/// service, no slowdown (0), a message of no bytes, a buffer that cannot hold one message.
Result<Plan> plan(const PlanInput& input);

}  // namespace parikshan::window
