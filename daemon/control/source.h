#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "instance/snapshot.h"

namespace parikshan::control {

/// What the control socket asks of an instance. The server calls it on the control thread; every
/// call returns within milliseconds or with an error. The instance implements it; tests stub it.
class Source {
 public:
  virtual ~Source() = default;

  virtual instance::InstanceSnapshot status() = 0;
  /// Open sessions first, then the latest ended ones; at most `limit`, 0 for all that are kept.
  virtual std::vector<instance::LedgerEntry> ledger(std::size_t limit) = 0;
  virtual std::vector<instance::DifferenceSnapshot> differences() = 0;
  virtual std::vector<instance::WindowSnapshot> windows() = 0;

  /// Stops feeding `replica` (its address; with `listen` non-empty only at that port). Errors: no
  /// such replica.
  virtual Result<void> detach(std::string_view replica, std::string_view listen) = 0;
  /// Feeds `replica` with the sessions opened from now on at `listen` (may be empty when the
  /// instance has one port). Errors: bad address, no such port, already attached, passthrough.
  virtual Result<void> attach(std::string_view replica, std::string_view listen) = 0;
  /// As SIGHUP: reads the policy again. Errors: the policy's, all of them, in one text.
  virtual Result<void> reload() = 0;
};

}  // namespace parikshan::control
