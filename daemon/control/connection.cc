// A control socket must survive every client: one that sends rubbish, half a message, a thousand
// requests without reading, or that never reads at all. Buffers are bounded by not reading
// (back-pressure on the client itself) and by time, rather than by dropping messages, which would
// break the order of replies. A thread per client would have been simpler to read and would have
// let 64 stuck clients hold 64 stacks.
#include "control/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "control/interface.h"

namespace parikshan::control {
namespace {

// One client gets this much of the control thread before the others have their turn.
constexpr int messages_a_turn = 16;

}  // namespace

Connection::Connection(Fd socket, Service& service, const Limits& limits)
    : socket_(std::move(socket)), service_(service), limits_(limits), taken_(Clock::now()) {}

void Connection::advance(std::uint32_t events, Clock::time_point now) {
  if ((events & EPOLLERR) != 0)
    gone_ = true;
  // A hang-up says that replies reach nobody. Requests that came before it still count: a oneway
  // call followed by close(2) is a call.
  if ((events & EPOLLHUP) != 0)
    gone_ = true;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
    receive(now);
  answer(now);
  if (watch_ && now >= next_frame_) {
    // A frame that the reader has not taken is not followed by another one.
    if (waiting() == 0)
      queue(service_.watch_frame(), now);
    next_frame_ = now + *watch_;
  }
  send(now);

  const bool stuck = waiting() > 0 && now - taken_ >= limits_.patience;
  if (!closing_ && half_since_ && now - *half_since_ >= limits_.patience && !watch_) {
    refuse("the message was not finished in time", now);
    send(now);
  }
  const bool served = ended_ && !has_message() && !watch_;
  if (stuck || (waiting() == 0 && (closing_ || served)) || (gone_ && (watch_ || closing_)))
    finished_ = true;
}

void Connection::receive(Clock::time_point now) {
  std::array<char, 16384> buffer;  // NOLINT: filled by recv
  // A whole message and one byte more than allowed is as much as is ever held.
  while (!ended_ && !has_message() && may_answer() && input_.size() <= limits_.request) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) {
      if (input_.empty())
        half_since_ = now;
      input_.append(buffer.data(), static_cast<std::size_t>(got));
      find_message();
    } else if (got == 0) {
      ended_ = true;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      ended_ = gone_ = true;
    }
  }
}

void Connection::find_message() {
  message_end_ = input_.find('\0', scanned_);
  if (message_end_ == std::string::npos)
    scanned_ = input_.size();
}

void Connection::answer(Clock::time_point now) {
  for (int turn = 0; turn < messages_a_turn && has_message() && may_answer(); ++turn) {
    if (message_end_ > limits_.request)
      break;
    Outcome outcome = service_.handle(std::string_view(input_).substr(0, message_end_));
    input_.erase(0, message_end_ + 1);
    scanned_ = 0;
    find_message();
    half_since_.reset();
    if (!input_.empty())
      half_since_ = now;
    queue(outcome.output, now);
    if (outcome.close)
      closing_ = true;
    if (outcome.watch) {
      watch_ = outcome.watch;
      next_frame_ = now + *watch_;
    }
  }
  const std::size_t length = has_message() ? message_end_ : input_.size();
  if (may_answer() && length > limits_.request)
    refuse("the message is too long", now);
}

void Connection::refuse(std::string_view why, Clock::time_point now) {
  queue(error_message(errors::not_possible, why), now);
  closing_ = true;
  half_since_.reset();
  input_.clear();
  scanned_ = 0;
  message_end_ = std::string::npos;
}

void Connection::queue(const std::string& reply, Clock::time_point now) {
  if (gone_ || reply.empty())
    return;
  if (waiting() + reply.size() > limits_.output) {
    closing_ = gone_ = true;
    return;
  }
  if (waiting() == 0) {
    output_.clear();
    sent_ = 0;
    taken_ = now;
  }
  output_ += reply;
}

void Connection::send(Clock::time_point now) {
  while (!gone_ && waiting() > 0) {
    const ssize_t put = ::send(socket_.get(), output_.data() + sent_, waiting(), MSG_NOSIGNAL);
    if (put > 0) {
      sent_ += static_cast<std::size_t>(put);
      taken_ = now;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      gone_ = true;
    }
  }
  if (gone_ || waiting() == 0) {
    std::string().swap(output_);
    sent_ = 0;
  } else if (sent_ >= backlog) {
    output_.erase(0, sent_);
    sent_ = 0;
  }
}

std::uint32_t Connection::wanted_events() const {
  std::uint32_t events = 0;
  if (!ended_ && !has_message() && may_answer())
    events |= EPOLLIN;
  if (waiting() > 0)
    events |= EPOLLOUT;
  return events;
}

std::optional<Clock::time_point> Connection::deadline() const {
  std::optional<Clock::time_point> earliest;
  const auto at = [&](Clock::time_point when) {
    earliest = earliest ? std::min(*earliest, when) : when;
  };
  if (has_message() && may_answer())
    at(Clock::time_point::min());
  if (half_since_ && !closing_ && !watch_ && !has_message())
    at(*half_since_ + limits_.patience);
  if (waiting() > 0)
    at(taken_ + limits_.patience);
  if (watch_)
    at(next_frame_);
  return earliest;
}

}  // namespace parikshan::control
