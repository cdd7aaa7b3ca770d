#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/address.h"

namespace parikshan::duplicator {

/// What one production thread counts of one port. Written by that thread alone (a plain load and
/// store each), read by anyone.
struct alignas(64) PortCounters {
  std::atomic<std::uint64_t> sessions_open{0};
  std::atomic<std::uint64_t> sessions_total{0};
  std::atomic<std::uint64_t> sessions_not_copied{0};
  std::atomic<std::uint64_t> connect_failures{0};
  std::atomic<std::uint64_t> client_to_production{0};  ///< bytes
  std::atomic<std::uint64_t> production_to_client{0};  ///< bytes

  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
};

/// One duplicated port, shared by the production threads for as long as any session of it lives.
struct Port {
  Port(std::uint32_t identity, net::Address listens, net::Address produces, bool is_copied,
       bool is_paced, unsigned workers)
      : id(identity),
        listen(listens),
        production(produces),
        copied(is_copied),
        paced(is_paced),
        counters(std::make_unique<PortCounters[]>(workers)),
        worker_count(workers) {}

  const std::uint32_t id;
  const net::Address listen;
  const net::Address production;
  const bool copied;  ///< false in passthrough mode
  const bool paced;   ///< synchronous mode
  /// How many replicas want the sessions that begin now. Set by the replica thread.
  std::atomic<std::uint32_t> replicas_wanting{0};
  const std::unique_ptr<PortCounters[]> counters;  // one a production thread
  const unsigned worker_count;

  [[nodiscard]] std::uint64_t sum(std::atomic<std::uint64_t> PortCounters::*counter) const {
    std::uint64_t total = 0;
    for (unsigned i = 0; i < worker_count; ++i)
      total += (counters[i].*counter).load(std::memory_order_relaxed);
    return total;
  }
};

}  // namespace parikshan::duplicator
