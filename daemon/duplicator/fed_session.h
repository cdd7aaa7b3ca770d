#pragma once

#include <cstdint>
#include <forward_list>
#include <memory>
#include <string>

#include "duplicator/replica_leg.h"
#include "stream/retention.h"
#include "stream/session_streams.h"

namespace parikshan::duplicator {

/// One session on the replica side: what its two stream logs hold, and a leg for each replica.
/// Thread: the replica thread.
class FedSession {
 public:
  FedSession(stream::SessionStreams* streams, Port& port, stream::Spill* spill)
      : streams_(streams),
        port_(port),
        input_(streams->client_to_production, spill),
        output_(streams->production_to_client, nullptr) {}
  FedSession(const FedSession&) = delete;
  FedSession& operator=(const FedSession&) = delete;
  void add_leg(Replica& replica, const divergence::Masks& masks, int epoll_fd,
               std::uint64_t descriptor_limit);

  struct Limits {
    std::uint64_t quota = 0;   ///< bytes of memory for the clients' bytes of one session
    std::uint64_t input = 0;   ///< of those, what stays when there is a disk; the quota or less
    std::uint64_t output = 0;  ///< bytes of production's answers that are kept to be compared
  };
  /// Takes in what is new, feeds and compares. The number of bytes moved.
  std::size_t turn(const Limits& limits, std::int64_t now_ms, std::string& scratch);
  /// The quotas do not hold the session's bytes: the slowest leg is cut off.
  void cut_slowest(const std::string& why);

  /// Needs turns although nothing new may come: full sockets, disk, lines or ends awaited.
  [[nodiscard]] bool restless() const { return restless_; }
  /// A leg's socket is full.
  [[nodiscard]] bool blocked() const;
  /// A leg waits for the disk.
  [[nodiscard]] bool loading() const;
  /// Both sides are done with it.
  [[nodiscard]] bool over() const;
  [[nodiscard]] std::uint64_t resident() const { return input_.resident() + output_.resident(); }
  [[nodiscard]] std::uint64_t input_resident() const { return input_.resident(); }
  [[nodiscard]] std::uint64_t on_disk() const { return input_.on_disk(); }
  [[nodiscard]] stream::SessionStreams& streams() { return *streams_; }
  [[nodiscard]] std::forward_list<ReplicaLeg>& legs() { return legs_; }
  [[nodiscard]] const std::forward_list<ReplicaLeg>& legs() const { return legs_; }
  [[nodiscard]] Port& port() const { return port_; }
  [[nodiscard]] Account account(const ReplicaLeg& leg) const;
  [[nodiscard]] SessionRecord record(const ReplicaLeg& leg) const;

  bool listed = false;  // of the thread: is to have a turn
  bool listed_restless = false;
  std::size_t index = 0;  // of the thread: its place among all sessions

 private:
  void release();

  struct LetGo {
    void operator()(stream::SessionStreams* streams) const { streams->drop(); }
  };
  std::unique_ptr<stream::SessionStreams, LetGo> streams_;  // first: the retentions refer to it
  Port& port_;
  stream::Retention input_;
  stream::Retention output_;
  std::forward_list<ReplicaLeg> legs_;  // nearly always one: the list is a pointer
  std::int64_t last_news_ms_ = 0;
  std::uint64_t seen_ = 0;
  bool restless_ = false;
  bool discarding_ = false;
};

}  // namespace parikshan::duplicator
