#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "net/address.h"
#include "net/socket.h"

namespace parikshan::net {

/// A listening TCP socket on a port of 127.0.0.1 that was free. `receive_buffer` in bytes, and
/// the sender's is small as well; 0: the kernel's choice.
inline Fd listen_on_loopback(Address& address, int receive_buffer = 0) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_storage storage{};
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);  // NOLINT: the socket API's own cast
  v4->sin_family = AF_INET;
  v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (receive_buffer > 0) {
    // The kernel sizes the sender's buffer by the segments, which are 64 KiB on loopback.
    const int segment = 1000;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
  }
  socklen_t length = sizeof(sockaddr_in);
  auto* const name = reinterpret_cast<sockaddr*>(&storage);  // NOLINT: the socket API's own cast
  EXPECT_EQ(::bind(fd.get(), name, length), 0);
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  EXPECT_EQ(::getsockname(fd.get(), name, &length), 0);
  address = Address::from_sockaddr(storage, length);
  return fd;
}

inline bool await_events(int fd, short events, int timeout_ms = 30'000) {
  pollfd watched{fd, events, 0};
  return ::poll(&watched, 1, timeout_ms) == 1;
}

/// The two ends of a TCP connection over loopback, both non-blocking: a reset can be seen on them,
/// which a socketpair does not have.
inline std::pair<Fd, Fd> tcp_pair() {
  Address address;
  const Fd listener = listen_on_loopback(address);
  Fd near(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(near.get(), address.data(), address.size()), 0);
  EXPECT_TRUE(await_events(listener.get(), POLLIN));
  Fd far(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  EXPECT_TRUE(far.valid());
  const timeval none{0, 0};
  ::setsockopt(near.get(), SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
  tune_stream(near.get(), address);
  tune_stream(far.get(), address);
  return {std::move(near), std::move(far)};
}

/// What can be received now, `most` bytes at most; `errnum` is 0 at the end of the stream.
inline std::string receive_now(int fd, std::size_t most, int& errnum) {
  std::string bytes;
  errnum = EAGAIN;
  char piece[16384];
  while (bytes.size() < most) {
    const ssize_t got =
        ::recv(fd, piece, std::min(sizeof piece, most - bytes.size()), MSG_DONTWAIT);
    if (got > 0) {
      bytes.append(piece, static_cast<std::size_t>(got));
      continue;
    }
    errnum = got == 0 ? 0 : errno;
    break;
  }
  return bytes;
}

/// Bytes of `bytes` that the kernel took now.
inline std::size_t send_now(int fd, std::string_view bytes) {
  const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

}  // namespace parikshan::net
