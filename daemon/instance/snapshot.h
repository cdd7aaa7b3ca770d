#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "divergence/sync_state.h"

namespace parikshan::instance {

using divergence::SyncState;
std::string_view to_string(SyncState state);  // "in-sync", "diverged", "overflowed"

/// What the control socket tells of an instance: copies, made by the thread that owns the data,
/// so that whoever formats them holds nothing up. All counts are since the start of the instance
/// unless said otherwise; bytes, seconds, events a second.

/// One session and one replica. due == delivered + pending + lost, always.
struct LedgerEntry {
  std::uint64_t session = 0;    ///< number of the session in the instance, from 1
  std::string client;           ///< address of the client
  std::string listen;           ///< the duplicated port
  std::string replica;          ///< address of the replica
  bool open = false;            ///< the session still goes on
  std::uint64_t due = 0;        ///< bytes production was sent, which the replica should have
  std::uint64_t delivered = 0;  ///< bytes handed to the replica's socket
  std::uint64_t pending = 0;    ///< bytes kept for the replica, in memory or spilled
  std::uint64_t lost = 0;       ///< bytes the replica will never have
  bool has_first_lost = false;
  std::uint64_t first_lost = 0;  ///< offset in client-to-production of the first lost byte
  std::string lost_why;
  std::uint64_t produced = 0;    ///< bytes production answered
  std::uint64_t compared = 0;    ///< of `produced`: compared with the replica's
  std::uint64_t uncompared = 0;  ///< of `produced`: will never be compared
  std::uint64_t awaited = 0;     ///< of `produced`: the replica has yet to answer
  std::uint64_t answered = 0;    ///< bytes the replica answered
  bool has_first_divergent = false;
  std::uint64_t first_divergent = 0;  ///< offset in production-to-client
  std::string divergent_why;
};

/// Totals of a replica over all its sessions, the forgotten ones included: the same sums hold.
struct ReplicaSnapshot {
  std::string address;
  std::string listen;
  SyncState state = SyncState::in_sync;
  std::string reason;  ///< names session, byte and cause when not in-sync
  bool attached = true;
  std::uint64_t sessions = 0;  ///< sessions that were copied to it
  std::uint64_t sessions_open = 0;
  std::uint64_t sessions_diverged = 0;
  std::uint64_t sessions_lost = 0;  ///< lost at least one byte, or was never connected
  std::uint64_t due = 0, delivered = 0, pending = 0, lost = 0;
  std::uint64_t produced = 0, compared = 0, uncompared = 0, awaited = 0, answered = 0;
  std::uint64_t blocks_differing = 0;
};

struct PortSnapshot {
  std::string listen;
  std::string production;
  std::string mode;
  std::uint64_t sessions_open = 0;
  std::uint64_t sessions_total = 0;
  std::uint64_t sessions_not_copied = 0;   ///< no replica was attached when they were opened
  std::uint64_t connect_failures = 0;      ///< production refused or could not be reached
  std::uint64_t client_to_production = 0;  ///< bytes
  std::uint64_t production_to_client = 0;  ///< bytes
};

struct BufferSnapshot {
  std::uint64_t memory_quota = 0, memory_used = 0, memory_resident = 0;
  std::uint64_t spill_quota = 0, spill_used = 0;
  std::uint64_t chunks_used = 0;
  std::string spill_problem;  ///< why spilling is off, e.g. the disk's error
};

/// The debug window as it is now; see docs/window.md.
struct WindowSnapshot {
  std::string replica;
  std::string listen;         ///< the duplicated port
  double arrival = 0;         ///< bytes/s from clients that the replica should have
  double drain = 0;           ///< bytes/s that the replica took
  double message = 0;         ///< mean bytes a message
  std::uint64_t pending = 0;  ///< bytes waiting
  std::uint64_t room = 0;     ///< bytes left of the quotas, memory and spill
  bool keeps_up = true;       ///< nothing is waiting for longer than the coalescing time
  bool unbounded = true;
  double seconds_to_overflow = 0;  ///< expected; only when not unbounded
};

/// A difference that was kept: the bytes around the first differing one.
struct DifferenceSnapshot {
  std::uint64_t session = 0;
  std::string client, listen, replica;
  std::uint64_t production_offset = 0;  ///< of the first differing byte
  std::uint64_t replica_offset = 0;
  std::string why;
  std::uint64_t context_before = 0;       ///< bytes of each text that stand before that offset
  std::string production, replica_bytes;  ///< raw bytes
};

struct InstanceSnapshot {
  std::string name;
  std::string policy_source;  ///< file the policy came from
  std::int64_t pid = 0;
  double uptime = 0;  ///< seconds
  SyncState state = SyncState::in_sync;
  std::string reason;
  bool draining = false;
  bool accepting = true;
  std::string not_accepting_why;  ///< e.g. out of descriptors
  std::uint64_t descriptors_used = 0, descriptors_limit = 0;
  double arrival_rate = 0;  ///< bytes/s clients to production, over the last second
  double answer_rate = 0;   ///< bytes/s production to clients, over the last second
  std::vector<PortSnapshot> ports;
  std::vector<ReplicaSnapshot> replicas;
  BufferSnapshot buffer;
};

}  // namespace parikshan::instance
