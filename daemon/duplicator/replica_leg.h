#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "divergence/checker.h"
#include "duplicator/replica.h"
#include "net/relay.h"
#include "stream/retention.h"

namespace parikshan::duplicator {

class FedSession;

/// A replica's side of one session: sends what production was sent (P3 of the paper), and hands
/// what the replica answers to the checker (P4).
///
/// The replica's socket is written to in large pieces and seldom: whoever drives the leg decides
/// when. Nothing here can hold production up; a leg that cannot keep up is cut off with lose().
///
/// Thread: the replica thread.
class ReplicaLeg {
 public:
  enum class Phase : std::uint8_t { connecting, open, over };

  ReplicaLeg(Replica& replica, FedSession& session, const divergence::Masks& masks)
      : replica_(replica), session_(session), checker_(masks) {}
  ReplicaLeg(const ReplicaLeg&) = delete;
  ReplicaLeg& operator=(const ReplicaLeg&) = delete;

  /// Connects, and watches the socket with `epoll_fd`. `descriptor_limit`: a socket with a number
  /// from there on is not used, so that replicas never take the descriptors that production needs.
  void connect(int epoll_fd, std::uint64_t descriptor_limit);
  void note(std::uint32_t events);

  /// What a leg has to know of the production side of its session.
  struct Production {
    stream::Retention& input;
    stream::Retention& output;
    stream::End input_ended = stream::End::open;  ///< and the retention has all of it
    stream::End output_ended = stream::End::open;
    bool output_broken = false;  ///< the retention will never have all of it
    bool idle = false;           ///< nothing came for a while
    std::int64_t now_ms = 0;

    /// Nothing more will come, and the retention has all of it.
    [[nodiscard]] bool output_complete() const {
      return output_ended == stream::End::fin &&
             !output_broken;  // a reset cuts off, it ends nothing
    }
  };
  /// Sends and compares what can be sent and compared now. The number of bytes moved.
  std::size_t turn(Production& production, std::string& scratch);

  /// Cuts the leg off: from cursor() on its bytes are lost. `by_us`: an overflow of our quotas;
  /// otherwise the replica itself is at fault, and that counts as divergence.
  void lose(std::string why, bool by_us);

  [[nodiscard]] Phase phase() const { return phase_; }
  /// Offset in the client's bytes up to which the replica's socket took them; once the leg is cut
  /// off, up to which the replica's kernel had acknowledged them.
  [[nodiscard]] std::uint64_t cursor() const { return cursor_; }
  /// Bytes were left over because the socket was full.
  [[nodiscard]] bool blocked() const { return phase_ == Phase::open && !leg_.writable; }
  [[nodiscard]] bool loading() const { return loading_; }
  /// The socket has more, and the checker would take it now.
  [[nodiscard]] bool unread() const {
    return phase_ == Phase::open && leg_.readable && !read_end_ &&
           (checker_.closed() || checker_.room() > 0);
  }
  [[nodiscard]] Replica& replica() const { return replica_; }
  [[nodiscard]] FedSession& session() const { return session_; }
  [[nodiscard]] divergence::Checker& checker() { return checker_; }
  [[nodiscard]] const divergence::Checker& checker() const { return checker_; }
  [[nodiscard]] bool is_lost() const { return is_lost_; }
  [[nodiscard]] bool overflowed() const { return overflowed_; }
  /// It never had a socket, for want of a descriptor: no fault of the replica as a whole.
  [[nodiscard]] bool lacked_descriptor() const { return lacked_descriptor_; }
  [[nodiscard]] std::string lost_why() const { return lost_why_ ? *lost_why_ : std::string(); }

  /// Its sums as they stand, given what production moved and what the logs can still give.
  [[nodiscard]] Account account(std::uint64_t due, std::uint64_t produced,
                                std::uint64_t output_held_to) const;

  bool counted_lost = false;  // the replica's totals know of it
  bool counted_diverged = false;

 private:
  std::size_t send(Production& production);
  std::size_t receive(Production& production, std::string& scratch);
  void finish(Production& production);
  [[nodiscard]] std::uint64_t untaken() const;

  Replica& replica_;
  FedSession& session_;
  net::Leg leg_;
  divergence::Checker checker_;
  std::uint64_t cursor_ = 0;
  std::int64_t quiet_since_ms_ = 0;
  Phase phase_ = Phase::connecting;
  bool sent_end_ = false;
  bool read_end_ = false;
  bool production_over_ = false;
  bool loading_ = false;
  bool is_lost_ = false;
  bool overflowed_ = false;
  bool lacked_descriptor_ = false;
  std::unique_ptr<std::string> lost_why_;
};

}  // namespace parikshan::duplicator
