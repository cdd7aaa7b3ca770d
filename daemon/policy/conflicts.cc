#include "policy/conflicts.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <string>

// Addresses conflict by meaning, not by spelling: 127.0.0.1, ::ffff:127.0.0.1 and, for who dials,
// 0.0.0.0 are one. What cannot be told from the text is let through: whether 10.0.0.7 is one of
// this host's own addresses may change while the instance runs.

namespace parikshan::policy {
namespace {

using Ip = std::array<unsigned char, 16>;

constexpr Ip any_v6{};
constexpr Ip any_v4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0};
constexpr Ip loopback_v6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr Ip loopback_v4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1};

bool is_v4(const Ip& ip) {
  return std::equal(ip.begin(), ip.begin() + 12, any_v4.begin());
}
bool is_loopback(const Ip& ip) {
  return ip == loopback_v6 || (is_v4(ip) && ip[12] == 127);
}

/// An address in one form for all families: IPv4 as a mapped IPv6 address.
struct Endpoint {
  std::string path;
  Ip ip{};
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

Endpoint endpoint_of(const net::Address& address) {
  Endpoint endpoint;
  if (address.is_unix()) {
    endpoint.path = std::filesystem::path(address.unix_path()).lexically_normal().string();
    return endpoint;
  }
  endpoint.port = address.port();
  if (address.family() == AF_INET) {
    sockaddr_in in4{};
    std::memcpy(&in4, address.data(), sizeof in4);
    endpoint.ip = any_v4;
    std::memcpy(endpoint.ip.data() + 12, &in4.sin_addr, 4);
  } else {
    sockaddr_in6 in6{};
    std::memcpy(&in6, address.data(), sizeof in6);
    std::memcpy(endpoint.ip.data(), &in6.sin6_addr, 16);
  }
  return endpoint;
}

/// Where a connect(2) to `address` goes: Linux takes a wildcard for the loopback address.
Endpoint dialled(const net::Address& address) {
  Endpoint endpoint = endpoint_of(address);
  if (!endpoint.path.empty())
    return endpoint;
  if (endpoint.ip == any_v4)
    endpoint.ip = loopback_v4;
  if (endpoint.ip == any_v6)
    endpoint.ip = loopback_v6;
  return endpoint;
}

bool covers(const Endpoint& listen, const Endpoint& other) {
  if (listen == other)
    return true;
  if (!listen.path.empty() || !other.path.empty() || listen.port != other.port)
    return false;
  // The listener of [::] takes IPv6 alone (IPV6_V6ONLY), so 0.0.0.0 may stand beside it.
  return (listen.ip == any_v6 && !is_v4(other.ip)) || (listen.ip == any_v4 && is_v4(other.ip));
}

/// Whether a connection to `target` is sure to arrive at `listen`.
bool arrives_at(const net::Address& target, const net::Address& listen) {
  const Endpoint to = dialled(target);
  const Endpoint at = endpoint_of(listen);
  return to == at || (covers(at, to) && is_loopback(to.ip));
}

void report(config::Diagnostics& diagnostics, const config::Location& location, std::string message,
            std::string hint = "") {
  diagnostics.push_back({location, std::move(message), std::move(hint)});
}

void check_targets(const PlacedDuplicate& duplicate, config::Diagnostics& diagnostics) {
  const auto loops = [&](const PlacedAddress& target) {
    return duplicate.listen && arrives_at(target.address, duplicate.listen->address);
  };
  constexpr const char* way_out = "let production listen on another address or port";
  if (duplicate.production && loops(*duplicate.production))
    report(diagnostics, duplicate.production->location,
           fmt::format("production {} is the listen address {} itself: a loop",
                       duplicate.production->address.text(), duplicate.listen->address.text()),
           way_out);
  for (std::size_t i = 0; i < duplicate.replicas.size(); ++i) {
    const PlacedAddress& replica = duplicate.replicas[i];
    const std::string text = replica.address.text();
    if (loops(replica))
      report(diagnostics, replica.location,
             fmt::format("replica {} is the listen address {} itself: a loop", text,
                         duplicate.listen->address.text()));
    if (duplicate.production && dialled(replica.address) == dialled(duplicate.production->address))
      report(diagnostics, replica.location,
             fmt::format("replica {} is production itself ({})", text,
                         duplicate.production->location.text()));
    const auto earlier = std::find_if(duplicate.replicas.begin(),
                                      duplicate.replicas.begin() + static_cast<std::ptrdiff_t>(i),
                                      [&](const PlacedAddress& other) {
                                        return dialled(other.address) == dialled(replica.address);
                                      });
    if (earlier != duplicate.replicas.begin() + static_cast<std::ptrdiff_t>(i))
      report(diagnostics, replica.location, fmt::format("replica {} is listed twice", text));
  }
}

}  // namespace

void check_conflicts(const std::vector<PlacedDuplicate>& duplicates,
                     config::Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < duplicates.size(); ++i) {
    check_targets(duplicates[i], diagnostics);
    if (!duplicates[i].listen)
      continue;
    const PlacedAddress& listen = *duplicates[i].listen;
    const Endpoint here = endpoint_of(listen.address);
    for (std::size_t j = 0; j < i; ++j) {
      if (!duplicates[j].listen)
        continue;
      const PlacedAddress& other = *duplicates[j].listen;
      const Endpoint there = endpoint_of(other.address);
      if (!covers(here, there) && !covers(there, here))
        continue;
      report(diagnostics, listen.location,
             fmt::format("listen {} is taken already by {} ({})", listen.address.text(),
                         other.address.text(), other.location.text()));
      break;
    }
  }
}

}  // namespace parikshan::policy
