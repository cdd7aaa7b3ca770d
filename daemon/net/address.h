#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace parikshan::net {

/// Where a stream socket listens or connects: an IPv4 or IPv6 address with a port, or the path of
/// a unix socket. A value type; names are not resolved.
class Address {
 public:
  Address() = default;

  /// "127.0.0.1:3306", "[::1]:3306", "unix:/run/x.sock". Errors: no port, port 0 or over 65535,
  /// not a numeric address, a relative or overlong path.
  static Result<Address> parse(std::string_view text);

  /// From what accept(2) or getpeername(2) filled in.
  static Address from_sockaddr(const sockaddr_storage& storage, socklen_t length);

  [[nodiscard]] const sockaddr* data() const {
    return reinterpret_cast<const sockaddr*>(&storage_);  // NOLINT: the socket API's own cast
  }
  [[nodiscard]] socklen_t size() const { return length_; }
  [[nodiscard]] int family() const { return length_ == 0 ? AF_UNSPEC : storage_.ss_family; }
  [[nodiscard]] bool is_unix() const { return family() == AF_UNIX; }
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string unix_path() const;

  /// The form that parse() takes; "unix:" for an unnamed unix peer.
  [[nodiscard]] std::string text() const;

  friend bool operator==(const Address& a, const Address& b) { return a.text() == b.text(); }

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

}  // namespace parikshan::net
