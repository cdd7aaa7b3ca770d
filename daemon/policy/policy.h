#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/quantity.h"
#include "net/address.h"

namespace parikshan::policy {

/// How a duplicated port treats its replicas (ASE 2018, section 3.2).
enum class Mode {
  asynchronous,  ///< replicas read at their own pace from the stream log; production never waits
  synchronous,   ///< production is paced by the slowest replica: for tests
  passthrough,   ///< proxied, not copied
};

/// What happens to a replica when its reader falls out of the quotas.
enum class OnOverflow {
  detach,    ///< the whole replica is fed no more
  continue_  ///< that session is lost to the replica; its others go on (weak consistency)
};

enum class OnDivergence { report, detach };

/// How much of `buffer.memory` is made resident before it is needed.
enum class Prefault {
  grow,  ///< a little at start, then ahead of what traffic uses; given back when idle
  full,  ///< all of it at start: no page is touched for the first time in the production path
};

struct Duplicate {
  net::Address listen;
  net::Address production;
  Mode mode = Mode::asynchronous;
  std::vector<net::Address> replicas;
};

struct Buffer {
  std::uint64_t session = 0;    ///< bytes of memory of one session and direction
  std::uint64_t memory = 0;     ///< bytes of memory of the instance
  std::uint64_t spill = 0;      ///< bytes on disk of the instance; 0: no spilling
  std::string spill_directory;  ///< empty: the instance's state directory
  Prefault prefault = Prefault::grow;
};

struct Divergence {
  double tolerate = 0;            ///< share of sessions, 0 to 1, that may diverge in-sync
  std::vector<std::string> mask;  ///< RE2 expressions applied line by line
};

struct Replica {
  OnOverflow on_overflow = OnOverflow::detach;
  OnDivergence on_divergence = OnDivergence::report;
};

struct Instance {
  unsigned workers = 1;         ///< production threads
  Nanoseconds drain_timeout{};  ///< how long open sessions may go on after a stop was asked
};

/// A validated policy: what one instance does. Plain data; safe to copy between threads.
struct Policy {
  std::string name;
  Instance instance;
  std::vector<Duplicate> duplicates;
  Replica replica;
  Buffer buffer;
  Divergence divergence;
};

}  // namespace parikshan::policy
