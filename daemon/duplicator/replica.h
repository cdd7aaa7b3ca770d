#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "divergence/checker.h"
#include "divergence/sync_state.h"
#include "duplicator/port.h"
#include "net/address.h"

namespace parikshan::duplicator {

/// Bytes of one session or of many, for one replica. Two sums always hold:
///   due == delivered + pending + lost
///   produced == compared + uncompared + awaited
struct Account {
  std::uint64_t due = 0;         ///< clients sent it to production
  std::uint64_t delivered = 0;   ///< the replica's socket took it
  std::uint64_t pending = 0;     ///< it is held for the replica
  std::uint64_t lost = 0;        ///< the replica will never have it
  std::uint64_t produced = 0;    ///< production answered it
  std::uint64_t compared = 0;    ///< ... and the replica's answer was compared with it
  std::uint64_t uncompared = 0;  ///< ... and it will never be compared
  std::uint64_t awaited = 0;     ///< ... and the replica has yet to answer
  std::uint64_t answered = 0;    ///< the replica answered it
  std::uint64_t blocks_differing = 0;

  Account& operator+=(const Account& other);
};

using divergence::SyncState;

/// What is known of one session and one replica, while it lasts and after.
struct SessionRecord {
  std::uint64_t session = 0;
  std::string client;
  bool open = false;
  Account account;
  bool is_lost = false;          ///< cut off, refused or left
  bool overflowed = false;       ///< ... by our own quotas
  std::uint64_t first_lost = 0;  ///< offset in the client's bytes
  std::string lost_why;
  bool diverged = false;
  std::uint64_t first_divergent = 0;
  std::string divergent_why;
};

/// A difference with the session it was seen in.
struct KeptDifference {
  std::uint64_t session = 0;
  std::string client;
  divergence::Difference difference;
};

/// One replica of one port: where its sessions go, and what became of them all.
/// Thread: the replica thread.
struct Replica {
  Replica(Port& of_port, net::Address at) : port(of_port), address(at) {}

  Port& port;
  const net::Address address;
  bool attached = true;
  std::string detached_why;
  bool superseded = false;           ///< attached anew: the record that counts is another one
  std::uint64_t attached_epoch = 0;  ///< sessions opened under an earlier one are not copied to it

  SyncState state = SyncState::in_sync;
  std::string reason;

  std::uint64_t sessions = 0;
  std::uint64_t sessions_open = 0;
  std::uint64_t sessions_diverged = 0;
  std::uint64_t sessions_lost = 0;
  Account ended;  ///< of the sessions that are over
  std::deque<SessionRecord>
      records;  ///< of ended sessions: the first notable ones, then the latest
  std::size_t notable_kept = 0;
  std::deque<KeptDifference> differences;

  /// Keeps the record of an ended session, and forgets the oldest plain one when there are many.
  void keep(SessionRecord record);
  /// Keeps one of the first differences, with its bytes.
  void keep(KeptDifference difference);
  /// Raises the state; the first reason of the worst state stays.
  void raise(SyncState to, std::string why);
};

}  // namespace parikshan::duplicator
