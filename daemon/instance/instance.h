#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "divergence/masks.h"
#include "duplicator/port.h"
#include "duplicator/replica_thread.h"
#include "duplicator/worker.h"
#include "instance/meter.h"
#include "instance/snapshot.h"
#include "policy/policy.h"
#include "stream/chunk_pool.h"
#include "stream/session_streams.h"

namespace parikshan::instance {

/// A policy made live: its listening sockets, production threads, stream memory and replica
/// thread. Everything is owned here and torn down in the reverse order.
///
/// Thread: the control thread. Nothing here is ever waited for by production.
class Instance {
 public:
  /// Makes everything and listens, but serves nobody yet. Errors: what could not be had; nothing
  /// is left behind.
  static Result<std::unique_ptr<Instance>> create(const policy::Policy& policy);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  Result<void> start();

  /// Goes over to a changed policy, or refuses it whole. Errors: something that cannot change
  /// while serving, or a port that cannot be listened on.
  Result<void> change_to(const policy::Policy& policy);

  /// Listens no more; open sessions go on.
  void drain();
  [[nodiscard]] std::uint64_t open_sessions() const;
  [[nodiscard]] Nanoseconds drain_timeout() const { return policy_.instance.drain_timeout; }
  /// Closes what is open, gives replicas a moment to take what they are due, stops all threads.
  void stop();

  /// Once a second: rates are measured.
  void tick(std::int64_t now_ms);

  Result<void> attach(std::string_view replica, std::string_view listen);
  Result<void> detach(std::string_view replica, std::string_view listen);

  // --- reports: copies of what the threads know --------------------------------------------
  [[nodiscard]] InstanceSnapshot status();
  [[nodiscard]] std::vector<LedgerEntry> ledger(std::size_t limit);
  [[nodiscard]] std::vector<DifferenceSnapshot> differences();
  [[nodiscard]] std::vector<WindowSnapshot> windows();

 private:
  struct ListeningPort {
    std::unique_ptr<duplicator::Port> port;
    Fd fd;
    policy::Mode mode = policy::Mode::asynchronous;
    bool retired = false;  ///< listens no more; its last sessions may go on
  };
  struct Rates {
    Meter arrival, drain, messages;
  };

  explicit Instance(policy::Policy policy) : policy_(std::move(policy)) {}
  Result<void> build();
  Result<ListeningPort> open_port(const policy::Duplicate& duplicate);
  ListeningPort* find_port(const policy::Duplicate& duplicate);
  void serve(ListeningPort& port);
  void retire(ListeningPort& port);
  [[nodiscard]] duplicator::ReplicaSettings replica_settings() const;
  [[nodiscard]] bool all_delivered();
  void tell_changes(const InstanceSnapshot& now);
  [[nodiscard]] WindowSnapshot window_of(const duplicator::Replica& replica);
  [[nodiscard]] ReplicaSnapshot snapshot_of(const duplicator::Replica& replica) const;

  policy::Policy policy_;
  std::int64_t started_ms_ = 0;
  std::uint64_t descriptor_limit_ = 0;
  bool draining_ = false;
  std::uint32_t next_port_ = 1;

  std::vector<std::unique_ptr<ListeningPort>> ports_;
  std::unique_ptr<stream::ChunkPool> pool_;
  std::unique_ptr<stream::SessionStreams::News> news_;
  duplicator::ProductionContext context_;
  std::unique_ptr<duplicator::ReplicaThread> replicas_;
  std::vector<std::unique_ptr<duplicator::Worker>> workers_;

  Meter arrival_, answers_;
  std::map<std::string, std::string> said_;  ///< what the log was told last, by subject
  std::map<const duplicator::Replica*, Rates> rates_;
};

}  // namespace parikshan::instance
