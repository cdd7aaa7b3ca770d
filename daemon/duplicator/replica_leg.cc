// Closing a socket that has unread input sends a reset, and a reset throws away what is still on
// its way to the replica. So a leg whose session is over ends its own stream, reads the replica's
// to the end, and closes then; a replica that never ends its stream is given up after a while.
#include "duplicator/replica_leg.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "net/socket.h"

namespace parikshan::duplicator {
namespace {

constexpr std::size_t most_a_turn = std::size_t{4} << 20;
constexpr std::size_t receive_size = std::size_t{64} << 10;
constexpr std::int64_t patience_ms = 2'000;               // with nothing left to hear
constexpr std::int64_t patience_awaiting_ms = 3'600'000;  // with answers outstanding
constexpr std::int64_t line_patience_ms = 250;

std::string reason_of(int errnum) {
  return std::generic_category().message(errnum);
}

}  // namespace

void ReplicaLeg::connect(int epoll_fd, std::uint64_t descriptor_limit) {
  Result<Fd> fd = net::start_connect(replica_.address, descriptor_limit);
  if (!fd) {
    lacked_descriptor_ = fd.error().errnum == EMFILE || fd.error().errnum == ENFILE;
    lose(fd.error().text(), lacked_descriptor_);
    return;
  }
  leg_.fd = std::move(fd.value());
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  wanted.data.ptr = this;
  if (::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, leg_.fd.get(), &wanted) != 0)
    lose("watch the replica's socket: " + reason_of(errno), true);
}

void ReplicaLeg::note(std::uint32_t events) {
  if (phase_ == Phase::over)
    return;
  leg_.note(events);
  if (phase_ != Phase::connecting || !leg_.writable)
    return;
  if (const int problem = net::connect_error(leg_.fd.get()); problem != 0)
    lose("connect: " + reason_of(problem), false);
  else
    phase_ = Phase::open;
}

std::size_t ReplicaLeg::turn(Production& production, std::string& scratch) {
  std::size_t moved = 0;
  if (phase_ == Phase::open)
    moved += send(production);
  if (phase_ == Phase::open)
    moved += receive(production, scratch);
  // What is only dropped is no sign of life once production is over.
  if (moved > 0 && !(production_over_ && checker_.closed()))
    quiet_since_ms_ = production.now_ms;
  // The replica has to have been quiet as well: half a line of it may have come just now.
  const bool idle = production.idle && production.now_ms - quiet_since_ms_ > line_patience_ms;
  checker_.step(production.output, production.output_complete(), idle);
  if (unread())
    moved += receive(production, scratch);
  // What the log does not have can neither be waited for nor be held against the replica.
  const bool cut = production.output_broken || production.output_ended == stream::End::reset;
  if (cut && checker_.position() >= production.output.end())
    checker_.close();
  if (phase_ == Phase::open)
    finish(production);
  return moved;
}

std::size_t ReplicaLeg::send(Production& production) {
  std::size_t moved = 0;
  loading_ = false;
  while (leg_.writable && moved < most_a_turn) {
    std::array<iovec, 32> parts{};
    std::size_t filled = 0;
    switch (production.input.view(cursor_, parts, filled)) {
      case stream::Retention::Outcome::nothing:
        return moved;
      case stream::Retention::Outcome::loading:
        loading_ = true;
        return moved;
      case stream::Retention::Outcome::lost:
        lose("the spill file could not be read back", true);
        return moved;
      case stream::Retention::Outcome::bytes:
        break;
    }
    std::size_t offered = 0;
    for (std::size_t i = 0; i < filled; ++i)
      offered += parts[i].iov_len;
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = filled;
    const ssize_t sent = ::sendmsg(leg_.fd.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR)
        continue;
      if (errno != EAGAIN) {
        lose("the replica broke the session: " + reason_of(errno), false);
        return moved;
      }
      leg_.writable = false;
      return moved;
    }
    cursor_ += static_cast<std::size_t>(sent);
    moved += static_cast<std::size_t>(sent);
    if (static_cast<std::size_t>(sent) < offered)
      leg_.writable = false;
  }
  return moved;
}

std::size_t ReplicaLeg::receive(Production& production, std::string& scratch) {
  std::size_t moved = 0;
  if (scratch.size() < receive_size)
    scratch.resize(receive_size);
  while (leg_.readable && !read_end_ && moved < most_a_turn) {
    // A checker that is done wants nothing more, but the replica must be able to go on speaking.
    const bool drop = checker_.closed();
    std::size_t room = receive_size;
    if (!drop) {
      if (checker_.room() == 0 && checker_.diverged()) {
        checker_.close();
        continue;
      }
      room = std::min(room, checker_.room());
      if (room == 0)
        break;  // production has to answer first
    }
    const ssize_t got =
        ::recv(leg_.fd.get(), scratch.data(), room, MSG_DONTWAIT | (drop ? MSG_TRUNC : 0));
    if (got < 0) {
      if (errno == EINTR)
        continue;
      if (errno == EAGAIN) {
        leg_.readable = false;
        break;
      }
      const std::string why = "the replica broke the session: " + reason_of(errno);
      const bool over = production.output_ended != stream::End::open;
      checker_.step(production.output, production.output_complete(), false);
      if (over && production.input_ended != stream::End::open &&
          cursor_ >= production.input.end() && checker_.position() >= production.output.end())
        read_end_ = true;  // nothing was left to say: a reset is as good an end as any
      else
        lose(why, false);
      break;
    }
    if (got == 0) {
      read_end_ = true;
      checker_.replica_ended();
      break;
    }
    moved += static_cast<std::size_t>(got);
    checker_.take({scratch.data(), static_cast<std::size_t>(got)}, production.output);
    if (static_cast<std::size_t>(got) < room && !leg_.hung_up)
      leg_.readable = false;
  }
  return moved;
}

/// Bytes that our socket took and the replica's kernel has not: a reset would throw them away.
std::uint64_t ReplicaLeg::untaken() const {
  int queued = 0;
  // Of a unix socket the number would count the kernel's overhead; it has no such queue either.
  if (!leg_.fd || replica_.address.is_unix() || ::ioctl(leg_.fd.get(), SIOCOUTQ, &queued) != 0 ||
      queued <= 0)
    return 0;
  const std::uint64_t end_of_stream = sent_end_ ? 1 : 0;  // an unacknowledged one counts as a byte
  const auto bytes = static_cast<std::uint64_t>(queued);
  return std::min(cursor_, bytes - std::min(end_of_stream, bytes));
}

void ReplicaLeg::finish(Production& production) {
  if (production.input_ended == stream::End::open || cursor_ < production.input.end())
    return;
  if (!sent_end_) {
    sent_end_ = true;
    quiet_since_ms_ = production.now_ms;
    if (production.input_ended == stream::End::fin)
      ::shutdown(leg_.fd.get(), SHUT_WR);
  }
  if (production.output_ended == stream::End::open)
    return;
  if (!production_over_) {
    production_over_ = true;
    quiet_since_ms_ = production.now_ms;
  }
  if (!read_end_ && untaken() > 0)
    return;  // held for the replica, as what it was not sent is
  const bool all_heard = checker_.closed() || checker_.position() >= production.output.end();
  const std::int64_t patience = all_heard ? patience_ms : patience_awaiting_ms;
  const bool broken =
      production.input_ended == stream::End::reset || production.output_ended == stream::End::reset;
  if (!read_end_ && !(broken && all_heard) && production.now_ms - quiet_since_ms_ < patience)
    return;
  checker_.step(production.output, production.output_complete(), true);
  if (!all_heard && !read_end_)
    checker_.replica_left("the replica did not answer within an hour of the session's end");
  checker_.close();
  phase_ = Phase::over;
  // After an end in order the replica is to see the end of its input, as production did.
  if (read_end_ || !broken)
    leg_.fd.reset();
  else
    net::reset_and_close(std::move(leg_.fd));
}

void ReplicaLeg::lose(std::string why, bool by_us) {
  if (phase_ == Phase::over)
    return;
  phase_ = Phase::over;
  is_lost_ = true;
  overflowed_ = by_us;
  cursor_ -= untaken();  // the ledger names the first byte that is really lost
  if (by_us)
    checker_.close();
  else
    checker_.replica_left(why);
  lost_why_ = std::make_unique<std::string>(std::move(why));
  if (leg_.fd)
    net::reset_and_close(std::move(leg_.fd));
}

Account ReplicaLeg::account(std::uint64_t due, std::uint64_t produced,
                            std::uint64_t output_held_to) const {
  Account sums;
  sums.due = due;
  sums.delivered = cursor_;
  (phase_ == Phase::over ? sums.lost : sums.pending) = due - cursor_;
  sums.produced = produced;
  sums.compared = checker_.compared();
  sums.uncompared = checker_.skipped();
  const std::uint64_t rest = produced - checker_.position();
  // Of the rest, what the log does not have (the pool was dry) cannot be awaited.
  const std::uint64_t held =
      output_held_to > checker_.position() ? output_held_to - checker_.position() : 0;
  sums.awaited = checker_.closed() ? 0 : std::min(rest, held);
  sums.uncompared += rest - sums.awaited;
  sums.answered = checker_.answered();
  sums.blocks_differing = checker_.blocks_differing();
  return sums;
}

}  // namespace parikshan::duplicator
