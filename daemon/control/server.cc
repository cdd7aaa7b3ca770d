// A socket file outlives a daemon that was killed, so its presence says nothing about whether
// somebody listens. Two questions settle it: a lock on the folder keeps two daemons of one name
// from clearing each other's socket at the same moment, and a connect(2) tells a dead socket from
// a live one of somebody who knows nothing of the lock. Unlinking unconditionally, the usual
// short cut, would silently take the socket from a running instance.
#include "control/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "control/interface.h"
#include "control/runtime_directory.h"
#include "net/address.h"

namespace parikshan::control {
namespace {

constexpr std::chrono::milliseconds accept_pause{100};

Result<void> watch_fd(int epoll, int fd, std::uint32_t events, int operation = EPOLL_CTL_ADD) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll, operation, fd, &event) != 0)
    return errno_error("watch a descriptor");
  return {};
}

Error taken(const std::string& path) {
  return Error{fmt::format("listen on {}: another instance of that name runs", path), EADDRINUSE};
}

}  // namespace

Server::Server(Source& source, Limits limits) : service_(source), limits_(limits) {}

Server::~Server() {
  if (!bound_)
    return;
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
    ::unlink(path_.c_str());
  // The instance's own folder goes as well; one that somebody keeps other files in stays.
  ::rmdir(path_.substr(0, path_.rfind('/')).c_str());
}

Result<void> Server::listen(const std::string& path, const std::string& group) {
  path_ = path;
  group_ = group_id(group);
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_)
    return errno_error("make an epoll");
  timer_ = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer_)
    return errno_error("make a timer");
  if (auto made = make_socket_folder(path); !made)
    return made;
  if (auto claimed = claim_path(); !claimed) {
    folder_lock_.reset();
    return claimed;
  }
  if (auto bound = bind_path(); !bound)
    return bound;
  if (auto watched = watch_fd(epoll_.get(), timer_.get(), EPOLLIN); !watched)
    return watched;
  return watch_fd(epoll_.get(), listener_.get(), EPOLLIN);
}

Result<void> Server::claim_path() {
  const std::string folder = std::filesystem::path(path_).parent_path().string();
  folder_lock_ = Fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_lock_)
    return errno_error(fmt::format("open the folder {}", folder));
  if (::flock(folder_lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return taken(path_);
    return errno_error(fmt::format("lock the folder {}", folder));
  }
  struct stat status {};
  if (::lstat(path_.c_str(), &status) != 0) {
    if (errno == ENOENT)
      return {};
    return errno_error(fmt::format("look at {}", path_));
  }
  if (!S_ISSOCK(status.st_mode))
    return Error{
        fmt::format("{} is no socket: remove it, or choose another folder with "
                    "--runtime-directory",
                    path_)};
  auto address = net::Address::parse("unix:" + path_);
  if (!address)
    return address.error();
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe)
    return errno_error("make a socket");
  if (::connect(probe.get(), address->data(), address->size()) == 0 || errno == EAGAIN)
    return taken(path_);
  if (errno != ECONNREFUSED)
    return errno_error(fmt::format("look who listens on {}", path_));
  if (::unlink(path_.c_str()) != 0)
    return errno_error(fmt::format("remove the stale socket {}", path_));
  return {};
}

Result<void> Server::bind_path() {
  auto address = net::Address::parse(
      "unix:" + std::filesystem::absolute(std::filesystem::path(path_)).string());
  if (!address)
    return address.error();
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_)
    return errno_error("make a socket");
  // The mode of the socket's own inode is the mode that bind(2) gives to the file: nobody else can
  // connect before the group is set.
  if (::fchmod(listener_.get(), 0600) != 0)
    return errno_error("set the mode of a socket");
  if (::bind(listener_.get(), address->data(), address->size()) != 0)
    return errno_error(fmt::format("bind {}", path_));
  struct stat status {};
  if (::lstat(path_.c_str(), &status) != 0)
    return errno_error(fmt::format("look at {}", path_));
  device_ = status.st_dev;
  inode_ = status.st_ino;
  bound_ = true;
  // Without the right to give the file to the group, the group cannot connect; root and the own
  // user can, which is what a daemon without privileges is for.
  if (group_ && ::chown(path_.c_str(), static_cast<uid_t>(-1), *group_) == 0 &&
      ::chmod(path_.c_str(), 0660) != 0)
    return errno_error(fmt::format("set the mode of {}", path_));
  if (::listen(listener_.get(), 16) != 0)
    return errno_error(fmt::format("listen on {}", path_));
  return {};
}

void Server::dispatch() {
  if (!listener_)
    return;
  std::array<epoll_event, 64> events;  // NOLINT: filled by epoll_wait
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  const auto now = Clock::now();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.fd == timer_.get()) {
      std::uint64_t expirations = 0;
      [[maybe_unused]] const ssize_t got = ::read(timer_.get(), &expirations, sizeof expirations);
    } else if (event.data.fd == listener_.get()) {
      accept_all();
    } else if (auto found = connections_.find(event.data.fd); found != connections_.end()) {
      found->second->advance(event.events, now);
    }
  }
  if (accept_again_ && now >= *accept_again_) {
    accept_again_.reset();
    if (!watch_fd(epoll_.get(), listener_.get(), EPOLLIN, EPOLL_CTL_MOD))
      accept_again_ = now + accept_pause;
  }
  for (auto it = connections_.begin(); it != connections_.end();) {
    Connection& connection = *it->second;
    if (const auto due = connection.deadline(); due && now >= *due)
      connection.advance(0, now);
    settle(connection);
    it = connection.finished() ? connections_.erase(it) : std::next(it);
  }
  arm_timer();
}

void Server::accept_all() {
  for (int turn = 0; turn < 16; ++turn) {
    Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) {
      greet(std::move(socket));
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The waiting connection keeps the listener readable: without a pause the loop would spin.
      if (watch_fd(epoll_.get(), listener_.get(), 0, EPOLL_CTL_MOD))
        accept_again_ = Clock::now() + accept_pause;
    }
    if (errno != EINTR && errno != ECONNABORTED)
      return;
  }
}

void Server::greet(Fd socket) {
  // The replies below fit the empty buffer of a fresh socket; one that does not take them is
  // closed all the same.
  const auto dismiss = [&](std::string_view error, std::string_view reason) {
    const std::string message = error_message(error, reason);
    [[maybe_unused]] const ssize_t put =
        ::send(socket.get(), message.data(), message.size(), MSG_NOSIGNAL);
  };
  auto peer = peer_of(socket.get());
  if (!peer)
    return dismiss(errors::permission_denied, "the caller cannot be identified");
  if (!may_talk(*peer, ::geteuid(), group_))
    return dismiss(errors::permission_denied,
                   "only root, the user of the daemon and its control group may ask");
  if (connections_.size() >= limits_.connections)
    return dismiss(errors::not_possible, "too many connections to the control socket");
  const int fd = socket.get();
  auto connection = std::make_unique<Connection>(std::move(socket), service_, limits_);
  if (!watch_fd(epoll_.get(), fd, EPOLLIN))
    return;
  connection->registered_events = EPOLLIN;
  connections_.emplace(fd, std::move(connection));
}

void Server::settle(Connection& connection) {
  const std::uint32_t wanted = connection.wanted_events();
  if (connection.finished() || wanted == connection.registered_events)
    return;
  if (watch_fd(epoll_.get(), connection.socket(), wanted, EPOLL_CTL_MOD))
    connection.registered_events = wanted;
}

void Server::arm_timer() {
  std::optional<Clock::time_point> earliest = accept_again_;
  for (const auto& [fd, connection] : connections_) {
    const auto due = connection->deadline();
    if (due && (!earliest || *due < *earliest))
      earliest = due;
  }
  itimerspec when{};
  if (earliest) {
    // All zeros would disarm it: the past is one nanosecond away.
    const auto left = std::max<std::chrono::nanoseconds>(
        *earliest <= Clock::now() ? std::chrono::nanoseconds(1) : *earliest - Clock::now(),
        std::chrono::nanoseconds(1));
    when.it_value.tv_sec = left.count() / 1'000'000'000;
    when.it_value.tv_nsec = left.count() % 1'000'000'000;
  }
  ::timerfd_settime(timer_.get(), 0, &when, nullptr);
}

std::size_t Server::buffered() const {
  std::size_t bytes = 0;
  for (const auto& [fd, connection] : connections_)
    bytes += connection->buffered();
  return bytes;
}

}  // namespace parikshan::control
