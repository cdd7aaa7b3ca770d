#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/fd.h"
#include "control/varlink.h"

namespace parikshan::control {

using Clock = std::chrono::steady_clock;

/// What one client of the control socket may cost.
struct Limits {
  std::size_t connections = 64;
  std::size_t request = 256U << 10;            ///< bytes of one message, without its NUL
  std::size_t output = 4U << 20;               ///< bytes that wait for a client
  std::chrono::milliseconds patience{10'000};  ///< for the rest of a message, and for a reader
};

/// One client: bytes in, messages to the Service, replies out, in order. Owns the socket, which is
/// non-blocking. Control thread only.
///
/// Requests are not even read while replies of more than `backlog` bytes wait, so that a client
/// that asks without reading holds up itself. A client that leaves a message unfinished, or takes
/// no reply, for longer than `patience` is closed, and so is one whose replies would exceed
/// `output`.
class Connection {
 public:
  static constexpr std::size_t backlog = 256U << 10;

  Connection(Fd socket, Service& service, const Limits& limits);

  /// What epoll reported (EPOLLIN …), or 0 when a deadline has come.
  void advance(std::uint32_t events, Clock::time_point now);

  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] std::uint32_t wanted_events() const;
  /// When advance() is due without an event; none: never.
  [[nodiscard]] std::optional<Clock::time_point> deadline() const;
  [[nodiscard]] int socket() const { return socket_.get(); }
  [[nodiscard]] std::size_t buffered() const { return input_.size() + output_.size() - sent_; }

  /// What epoll was last asked for; the server's book-keeping.
  std::uint32_t registered_events = 0;

 private:
  void receive(Clock::time_point now);
  void answer(Clock::time_point now);
  void send(Clock::time_point now);
  void queue(const std::string& reply, Clock::time_point now);
  void refuse(std::string_view why, Clock::time_point now);
  [[nodiscard]] std::size_t waiting() const { return output_.size() - sent_; }
  [[nodiscard]] bool has_message() const { return message_end_ != std::string::npos; }
  [[nodiscard]] bool may_answer() const { return !closing_ && !watch_ && waiting() <= backlog; }
  void find_message();

  Fd socket_;
  Service& service_;
  const Limits& limits_;
  std::string input_;
  std::size_t scanned_ = 0;  // of input_: known to hold no NUL
  std::size_t message_end_ = std::string::npos;
  std::string output_;
  std::size_t sent_ = 0;
  std::optional<Clock::time_point> half_since_;  // an unfinished message began
  Clock::time_point taken_;                      // the reader last took bytes, or had none to take
  std::optional<std::chrono::milliseconds> watch_;
  Clock::time_point next_frame_;
  bool ended_ = false;    // the client sends no more
  bool gone_ = false;     // the client reads no more
  bool closing_ = false;  // no more requests; close when the output is out
  bool finished_ = false;
};

}  // namespace parikshan::control
