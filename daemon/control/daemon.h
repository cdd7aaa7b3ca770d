#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "control/server.h"
#include "control/source.h"
#include "instance/instance.h"
#include "policy/load.h"

namespace parikshan::control {

/// The control thread of a running instance: signals, the control socket, the clock, and the
/// service manager's notifications. The main thread runs it.
class Daemon : public Source {
 public:
  /// `load` reads the policy anew. Signals must be blocked already (block_signals()).
  Daemon(instance::Instance& instance, std::string source, std::function<policy::Loaded()> load)
      : instance_(instance), policy_source_(std::move(source)), load_(std::move(load)) {}

  /// SIGTERM, SIGINT and SIGHUP are taken by the loop, SIGPIPE by nobody. Before any thread starts.
  static void block_signals();

  Result<void> open(const std::string& socket);
  /// Serves until SIGTERM or SIGINT, then drains. A second signal ends the draining.
  Result<void> run();

  instance::InstanceSnapshot status() override;
  std::vector<instance::LedgerEntry> ledger(std::size_t limit) override {
    return instance_.ledger(limit);
  }
  std::vector<instance::DifferenceSnapshot> differences() override {
    return instance_.differences();
  }
  std::vector<instance::WindowSnapshot> windows() override { return instance_.windows(); }
  Result<void> detach(std::string_view replica, std::string_view listen) override {
    return instance_.detach(replica, listen);
  }
  Result<void> attach(std::string_view replica, std::string_view listen) override {
    return instance_.attach(replica, listen);
  }
  Result<void> reload() override;

 private:
  void on_signal();
  void tick();
  void tell_manager();

  instance::Instance& instance_;
  const std::string policy_source_;
  const std::function<policy::Loaded()> load_;
  std::unique_ptr<Server> server_;
  Fd signals_;
  Fd clock_;
  bool stopping_ = false;
  bool hurry_ = false;
  std::string said_;
};

}  // namespace parikshan::control
