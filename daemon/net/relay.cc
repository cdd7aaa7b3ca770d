// The inner loop of production. Per message it is one recv and one send: a receive that did not
// fill the buffer has emptied the socket, so no second one asks for EAGAIN. The exception is a
// socket whose peer has hung up: its end came with the data, there will be no further edge for it,
// and only reading on finds it. A short send, likewise, has filled the socket and armed the edge
// that will say when there is room; asking again for EAGAIN would tell nothing new.
//
// Receiving straight into the chunk of a stream log would save the memcpy and was measured slower
// for small messages: it trades one hot buffer for as many cold ones as there are sessions, and
// puts the pool on the path of bytes that are not copied at all.
#include "net/relay.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>

namespace parikshan::net {
namespace {

constexpr int receives_a_turn = 16;
constexpr std::size_t most_spare = 16;

#ifdef PARIKSHAN_WITHOUT_COPY
constexpr bool with_copy = false;
#else
constexpr bool with_copy = true;
#endif

}  // namespace

void Leg::note(std::uint32_t events) {
  constexpr std::uint32_t broken = EPOLLERR | EPOLLHUP | EPOLLRDHUP;
  if ((events & (EPOLLIN | broken)) != 0)
    readable = true;
  if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
    writable = true;
  if ((events & broken) != 0)
    hung_up = true;
}

std::byte* HotBuffers::hot() {
  if (!hot_) {
    if (!spare_.empty()) {
      hot_ = std::move(spare_.back());
      spare_.pop_back();
    } else {
      hot_.reset(new (std::nothrow) std::byte[size]);
    }
  }
  return hot_.get();
}

void HotBuffers::give_back(Buffer buffer) {
  if (spare_.size() < most_spare)
    spare_.push_back(std::move(buffer));
}

bool Relay::send_backlog(Leg& to, HotBuffers& buffers, Outcome& outcome) {
  outcome = Outcome::blocked;
  if (!to.writable)
    return false;
  const std::size_t left = backlog_end_ - backlog_begin_;
  const ssize_t sent =
      ::send(to.fd.get(), backlog_.get() + backlog_begin_, left, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    outcome = Outcome::receiver_broke;
    return false;
  }
  if (sent > 0)
    backlog_begin_ += static_cast<std::uint32_t>(sent);
  if (backlog_begin_ < backlog_end_) {
    to.writable = false;
    return false;
  }
  buffers.give_back(std::move(backlog_));
  return true;
}

Relay::Outcome Relay::pump(Leg& from, Leg& to, HotBuffers& buffers, stream::StreamLog* log,
                           bool paced) {
  if (finished_)
    return Outcome::finished;
  for (int turn = 0; turn < receives_a_turn; ++turn) {
    Outcome outcome = Outcome::blocked;
    if (backlog_ && !send_backlog(to, buffers, outcome))
      return outcome;
    if (ended_) {
      ::shutdown(to.fd.get(), SHUT_WR);  // fails only when the leg is broken; epoll tells that
      finished_ = true;
      return Outcome::finished;
    }
    if (!from.readable)
      return Outcome::blocked;
    if (paced && log->paced() < log->written())
      return Outcome::blocked;
    std::byte* hot = buffers.hot();
    if (hot == nullptr)
      return Outcome::more;  // no memory just now: the bytes wait in the kernel

    const ssize_t received = ::recv(from.fd.get(), hot, HotBuffers::size, MSG_DONTWAIT);
    if (received < 0) {
      if (errno == EINTR)
        continue;
      if (errno != EAGAIN)
        return Outcome::source_broke;
      from.readable = false;
      return Outcome::blocked;
    }
    if (received == 0) {
      ended_ = true;
      continue;
    }
    const auto length = static_cast<std::size_t>(received);
    if (length < HotBuffers::size && !from.hung_up)
      from.readable = false;
    moved_ += length;

    std::size_t sent = 0;
    bool broke = false;
    if (to.writable) {
      const ssize_t n = ::send(to.fd.get(), hot, length, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n >= 0)
        sent = static_cast<std::size_t>(n);
      else if (errno != EAGAIN && errno != EINTR)
        broke = true;
    }
    if constexpr (with_copy) {
      if (log != nullptr)
        log->append(hot, length);
    }
    if (broke)
      return Outcome::receiver_broke;
    if (sent < length) {
      backlog_ = buffers.take();
      backlog_begin_ = static_cast<std::uint32_t>(sent);
      backlog_end_ = static_cast<std::uint32_t>(length);
      to.writable = false;
      return Outcome::blocked;
    }
  }
  return from.readable || ended_ ? Outcome::more : Outcome::blocked;
}

}  // namespace parikshan::net
