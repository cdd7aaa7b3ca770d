#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/command_queue.h"
#include "base/error.h"
#include "base/fd.h"
#include "divergence/masks.h"
#include "duplicator/fed_session.h"
#include "duplicator/replica.h"
#include "duplicator/worker.h"
#include "stream/chunk_pool.h"
#include "stream/session_streams.h"
#include "stream/spill.h"

namespace parikshan::duplicator {

/// What the replica side is told by the policy.
struct ReplicaSettings {
  std::uint64_t session_quota = 0;     ///< bytes of memory, of one session and direction
  std::uint64_t descriptor_limit = 0;  ///< descriptors from this number on are not for replicas
  double tolerate = 0;                 ///< share of sessions that may diverge
  bool detach_on_overflow = true;
  bool detach_on_divergence = false;
};

/// The thread on which everything about replicas happens, at a lower priority than production: it
/// takes sessions with news from its mailbox, feeds the replica legs, compares answers, keeps to
/// the quotas, and owns the ledger.
class ReplicaThread {
 public:
  /// `pool`, `news` and `context` outlive it. `spill` may be nullptr.
  static Result<std::unique_ptr<ReplicaThread>> create(
      stream::ChunkPool& pool, stream::SessionStreams::News& news, ProductionContext& context,
      std::unique_ptr<stream::Spill> spill, divergence::Masks masks, ReplicaSettings settings);
  ~ReplicaThread();
  ReplicaThread(const ReplicaThread&) = delete;
  ReplicaThread& operator=(const ReplicaThread&) = delete;

  Result<void> start();
  void stop();

  /// Runs `command` on the replica thread and waits for it; how the control thread reads the
  /// ledger and changes who is fed. Before start() and after stop() it runs at once.
  void run_and_wait(const std::function<void()>& command);

  // --- on the replica thread, which is to say in run_and_wait() -------------------------------
  void attach(Port& port, const net::Address& address);
  /// Feeds it no more; its open sessions are cut off where they are.
  void detach(Replica& replica, const std::string& why);
  void change(divergence::Masks masks, ReplicaSettings settings);
  [[nodiscard]] const std::vector<std::unique_ptr<Replica>>& replicas() const { return replicas_; }
  [[nodiscard]] Account totals(const Replica& replica) const;
  /// Bytes that its sessions can still fall behind before the first quota is used up, if all fall
  /// behind alike.
  [[nodiscard]] std::uint64_t room(const Replica& replica) const;
  /// Open sessions of the replica, `most` at most.
  [[nodiscard]] std::vector<SessionRecord> open_records(const Replica& replica,
                                                        std::size_t most) const;
  [[nodiscard]] const stream::Spill* spill() const { return spill_.get(); }
  [[nodiscard]] const stream::ChunkPool& pool() const { return pool_; }
  /// About how many messages the open sessions and the ended ones have brought.
  [[nodiscard]] std::uint64_t messages() const;
  [[nodiscard]] const ReplicaSettings& settings() const { return settings_; }

 private:
  ReplicaThread(stream::ChunkPool& pool, stream::SessionStreams::News& news,
                ProductionContext& context, std::unique_ptr<stream::Spill> spill,
                ReplicaSettings settings)
      : pool_(pool),
        news_(news),
        context_(context),
        spill_(std::move(spill)),
        settings_(settings),
        commands_(news.event_fd()) {}

  void run();
  void round();
  void wait();
  void set_niceness(int value);
  void hear_sockets();
  void hear_news();
  FedSession* open(stream::SessionStreams* streams);
  void list(FedSession* session);
  void turn(FedSession* session);
  void settle(FedSession* session);
  void judge(FedSession& session, ReplicaLeg& leg);
  void relieve();
  void close(FedSession* session);
  void forget_superseded();
  [[nodiscard]] FedSession::Limits limits() const;

  stream::ChunkPool& pool_;
  stream::SessionStreams::News& news_;
  ProductionContext& context_;
  std::unique_ptr<stream::Spill> spill_;
  std::unique_ptr<divergence::Masks> masks_;
  /// Replaced masks that checkers of open sessions still refer to.
  std::vector<std::unique_ptr<divergence::Masks>> old_masks_;
  ReplicaSettings settings_;
  Fd epoll_;
  std::thread thread_;

  CommandQueue commands_;  // of the control thread; never of a production thread
  std::atomic<bool> running_{false};

  // The thread's own.
  bool stopping_ = false;
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::vector<FedSession*> sessions_;
  std::vector<FedSession*> turns_;
  std::vector<FedSession*> restless_;
  std::vector<std::pair<Replica*, std::string>> to_detach_;
  std::string scratch_;
  std::size_t moved_ = 0;  // in this round
  std::int64_t round_took_ns_ = 0;
  std::int64_t next_sweep_ms_ = 0;
  std::uint64_t ended_messages_ = 0;
  bool blocked_ = false;  // in this round: some socket is full
  bool loading_ = false;  // in this round: some session waits for the disk
  bool heard_ = false;    // in this round: production threads had news
  int niceness_ = 0;
};

}  // namespace parikshan::duplicator
