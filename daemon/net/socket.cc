#include "net/socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace parikshan::net {
namespace {

constexpr int backlog = 4096;

void set_flag(int fd, int level, int option) {
  const int one = 1;
  // Only a wish: what cannot be set (on a unix socket, say) is not there to be set.
  ::setsockopt(fd, level, option, &one, sizeof one);
}

/// Removes the file of a unix socket whose listener is gone.
Result<void> clear_stale(const Address& address) {
  const std::string path = address.unix_path();
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0)
    return {};
  if (!S_ISSOCK(status.st_mode))
    return Error{fmt::format("listen on {}: the file there is no socket", address.text()), 0};
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe)
    return errno_error(fmt::format("look for a listener on {}", address.text()));
  if (::connect(probe.get(), address.data(), address.size()) == 0 || errno == EAGAIN)
    return Error{fmt::format("listen on {}", address.text()), EADDRINUSE};
  if (errno == ECONNREFUSED)
    ::unlink(path.c_str());
  return {};
}

}  // namespace

Result<Fd> listen_on(const Address& address) {
  if (address.is_unix()) {
    if (Result<void> cleared = clear_stale(address); !cleared)
      return cleared.error();
  }
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd)
    return errno_error(fmt::format("make a socket for {}", address.text()));
  if (!address.is_unix())
    set_flag(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (address.family() == AF_INET6)
    set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (::bind(fd.get(), address.data(), address.size()) != 0 || ::listen(fd.get(), backlog) != 0)
    return errno_error(fmt::format("listen on {}", address.text()));
  return fd;
}

Result<Fd> start_connect(const Address& address, std::uint64_t descriptors_below) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd)
    return errno_error(fmt::format("make a socket to {}", address.text()));
  if (static_cast<std::uint64_t>(fd.get()) >= descriptors_below)
    return Error{fmt::format("make a socket to {}", address.text()), EMFILE};
  tune_stream(fd.get(), address);
  if (::connect(fd.get(), address.data(), address.size()) != 0 && errno != EINPROGRESS)
    return errno_error(fmt::format("connect to {}", address.text()));
  return fd;
}

int connect_error(int fd) {
  int problem = 0;
  socklen_t length = sizeof problem;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &length) != 0)
    return errno;
  return problem;
}

void tune_stream(int fd, const Address& address) {
  if (address.is_unix())
    return;
  set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
  set_flag(fd, SOL_SOCKET, SO_KEEPALIVE);
}

void reset_and_close(Fd fd) {
  const linger hard{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0)
      limit = raised;
  }
  return limit.rlim_cur;
}

}  // namespace parikshan::net
