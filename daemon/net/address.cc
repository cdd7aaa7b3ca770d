#include "net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace parikshan::net {
namespace {

constexpr std::string_view unix_prefix = "unix:";

Error bad(std::string_view text, std::string_view why) {
  return Error{fmt::format("'{}' is no address: {}", text, why)};
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  Address address;
  if (text.starts_with(unix_prefix)) {
    const std::string_view path = text.substr(unix_prefix.size());
    auto* un = reinterpret_cast<sockaddr_un*>(&address.storage_);  // NOLINT
    if (path.empty() || path.front() != '/')
      return bad(text, "the path of a unix socket must begin with '/'");
    if (path.size() >= sizeof un->sun_path)
      return bad(text, fmt::format("the path of a unix socket has at most {} bytes",
                                   sizeof un->sun_path - 1));
    if (path.find('\0') != std::string_view::npos)
      return bad(text, "the path has a NUL byte");
    un->sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), un->sun_path);
    address.length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return address;
  }

  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos)
    return bad(text, "write \"ADDRESS:PORT\", \"[ADDRESS]:PORT\" or \"unix:/PATH\"");
  std::string host(text.substr(0, colon));
  const std::string_view digits = text.substr(colon + 1);
  unsigned port = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (problem != std::errc() || end != digits.data() + digits.size() || port == 0 || port > 65535)
    return bad(text, "the port must be a number from 1 to 65535");

  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&address.storage_);  // NOLINT
    host = host.substr(1, host.size() - 2);
    if (::inet_pton(AF_INET6, host.c_str(), &in6->sin6_addr) != 1)
      return bad(text, "not a numeric IPv6 address in the brackets");
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(static_cast<std::uint16_t>(port));
    address.length_ = sizeof *in6;
    return address;
  }
  auto* in4 = reinterpret_cast<sockaddr_in*>(&address.storage_);  // NOLINT
  if (::inet_pton(AF_INET, host.c_str(), &in4->sin_addr) != 1)
    return bad(text, host.find(':') != std::string::npos
                         ? "write an IPv6 address in brackets: [ADDRESS]:PORT"
                         : "not a numeric address (names are not resolved)");
  in4->sin_family = AF_INET;
  in4->sin_port = htons(static_cast<std::uint16_t>(port));
  address.length_ = sizeof *in4;
  return address;
}

Address Address::from_sockaddr(const sockaddr_storage& storage, socklen_t length) {
  Address address;
  address.storage_ = storage;
  address.length_ = std::min<socklen_t>(length, sizeof storage);
  return address;
}

std::uint16_t Address::port() const {
  if (family() == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);  // NOLINT
  if (family() == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);  // NOLINT
  return 0;
}

std::string Address::unix_path() const {
  if (!is_unix() || length_ <= offsetof(sockaddr_un, sun_path))
    return {};
  const auto* un = reinterpret_cast<const sockaddr_un*>(&storage_);  // NOLINT
  const std::size_t room = length_ - offsetof(sockaddr_un, sun_path);
  return {un->sun_path, ::strnlen(un->sun_path, room)};
}

std::string Address::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  switch (family()) {
    case AF_INET:
      ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr,  // NOLINT
                  buffer, sizeof buffer);
      return fmt::format("{}:{}", buffer, port());
    case AF_INET6:
      ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr,  // NOLINT
                  buffer, sizeof buffer);
      return fmt::format("[{}]:{}", buffer, port());
    case AF_UNIX:
      return "unix:" + unix_path();
    default:
      return "";
  }
}

}  // namespace parikshan::net
