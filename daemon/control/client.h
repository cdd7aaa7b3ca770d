#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace parikshan::control {

/// A client of a control socket. Every call ends within its time limit. Errors carry an errno that
/// says what kind they are: ENOENT or ECONNREFUSED (no such instance, or it does not run), EACCES
/// (not allowed), ETIMEDOUT, EPROTO (the reply is no reply); 0 is a refusal of the instance, with
/// its reason.
class Client {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// `path` is the socket of the instance.
  static Result<Client> connect(const std::string& path, Milliseconds limit);

  /// Calls "Method" of io.parikshan, or "interface.Method", and waits for its one reply.
  Result<boost::json::object> call(std::string_view method, const boost::json::object& parameters,
                                   Milliseconds limit);

  /// Begins a stream of replies ("more"), which next() reads.
  Result<void> watch(std::string_view method, const boost::json::object& parameters,
                     Milliseconds limit);

  /// The next reply of a stream; none when the limit (0: do not wait) passes first. Errors as
  /// above, and ECONNRESET when the instance closed the connection.
  Result<std::optional<boost::json::object>> next(Milliseconds limit);

  /// Readable when next(0) may have something. The client's own.
  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  explicit Client(Fd socket) : socket_(std::move(socket)) {}
  Result<void> send(std::string_view method, const boost::json::object& parameters, bool more,
                    Milliseconds limit);

  Fd socket_;
  std::string input_;
  std::size_t scanned_ = 0;
};

/// The reply in `message` (no NUL): its parameters, or the Error that it reports.
Result<boost::json::object> read_reply(std::string_view message);

}  // namespace parikshan::control
