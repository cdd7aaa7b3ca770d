#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "control/connection.h"
#include "control/peer.h"
#include "control/source.h"
#include "control/varlink.h"

namespace parikshan::control {

/// The control socket of an instance. Lives on the control thread, never blocks, starts no
/// threads. It owns an epoll of its own, timers included, that the daemon nests in its loop:
/// dispatch() is due exactly when epoll_fd() is readable.
///
///     Server server(source);
///     server.listen(socket_path(runtime_directory(), "mysql"), "parikshan");
///     // loop: when server.epoll_fd() is readable: server.dispatch();
///
/// Root, the daemon's own user and members of the group may talk; others are told so and closed.
/// `source` outlives the server.
class Server {
 public:
  explicit Server(Source& source, Limits limits = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Closes all connections and removes the socket, if the path is still ours.
  ~Server();

  /// Makes the folder of `path` where it is missing, replaces a socket that nobody listens on, and
  /// listens. A group that does not exist means root and the own user only. Call it once.
  /// Errors: another instance listens there (EADDRINUSE), the path is no socket, the folder is
  /// not safe, and those of the system calls.
  Result<void> listen(const std::string& path, const std::string& group);

  /// -1 before listen(). The server's own: do not close it.
  [[nodiscard]] int epoll_fd() const { return epoll_.get(); }

  /// Does what is due and returns; a single client's share of one call is bounded.
  void dispatch();

  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  /// Bytes held for all clients, both ways.
  [[nodiscard]] std::size_t buffered() const;

 private:
  Result<void> claim_path();
  Result<void> bind_path();
  void accept_all();
  void greet(Fd socket);
  void settle(Connection& connection);
  void arm_timer();

  Service service_;
  Limits limits_;
  std::string path_;
  std::optional<gid_t> group_;
  Fd epoll_;
  Fd timer_;
  Fd listener_;
  Fd folder_lock_;
  bool bound_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::optional<Clock::time_point> accept_again_;  // descriptors ran out
  std::map<int, std::unique_ptr<Connection>> connections_;
};

}  // namespace parikshan::control
