#pragma once

#include <string>
#include <vector>

#include "control/source.h"

namespace parikshan::test {

/// An instance with one port and one replica, whose numbers differ from each other and add up, so
/// that a mixed-up field shows. Remembers what it was asked to do.
class StubSource : public control::Source {
 public:
  StubSource() {
    snapshot.name = "mysql";
    snapshot.policy_source = "/etc/parikshan.d/mysql.toml";
    snapshot.pid = 4711;
    snapshot.uptime = 125.5;
    snapshot.state = instance::SyncState::overflowed;
    snapshot.reason = "session 7 lost byte 4096";
    snapshot.descriptors_used = 40;
    snapshot.descriptors_limit = 1024;
    snapshot.arrival_rate = 2048;
    snapshot.answer_rate = 4096;
    snapshot.ports.push_back(
        {"0.0.0.0:3306", "127.0.0.1:3306", "asynchronous", 3, 12, 1, 2, 5000, 9000});
    instance::ReplicaSnapshot replica;
    replica.address = "127.0.0.1:6380";
    replica.listen = "0.0.0.0:3306";
    replica.state = instance::SyncState::overflowed;
    replica.reason = "session 7 lost byte 4096";
    replica.sessions = 11;
    replica.sessions_open = 3;
    replica.sessions_lost = 1;
    replica.due = 5000, replica.delivered = 4150, replica.pending = 150, replica.lost = 700;
    replica.produced = 9000, replica.compared = 8000, replica.awaited = 600;
    replica.uncompared = 400, replica.answered = 8100, replica.blocks_differing = 5;
    snapshot.replicas.push_back(replica);
    snapshot.buffer = {268435456, 1048576, 2097152, 4294967296, 8192, 17, ""};

    instance::LedgerEntry entry;
    entry.session = 7;
    entry.client = "10.1.2.3:50123";
    entry.listen = "0.0.0.0:3306";
    entry.replica = "127.0.0.1:6380";
    entry.open = true;
    entry.due = 4900, entry.delivered = 4096, entry.pending = 104, entry.lost = 700;
    entry.has_first_lost = true;
    entry.first_lost = 4096;
    entry.lost_why = "the session's quota of 8MiB was full";
    entry.produced = 1000, entry.compared = 500, entry.awaited = 300, entry.uncompared = 200;
    entry.answered = 512;
    entries.push_back(entry);

    window.replica = "127.0.0.1:6380";
    window.listen = "0.0.0.0:3306";
    window.arrival = 2048, window.drain = 1024, window.message = 512;
    window.pending = 300, window.room = 1048576;
    window.keeps_up = false;
    window.unbounded = false;
    window.seconds_to_overflow = 125;

    difference.session = 7;
    difference.client = "10.1.2.3:50123";
    difference.listen = "0.0.0.0:3306";
    difference.replica = "127.0.0.1:6380";
    difference.production_offset = 20;
    difference.replica_offset = 20;
    difference.why = "the bytes differ";
    difference.context_before = 4;
    difference.production = "+OK\n\xff\x01 one";
    difference.replica_bytes = "+OK\n\xff\x02 one";
  }

  instance::InstanceSnapshot status() override { return snapshot; }
  std::vector<instance::LedgerEntry> ledger(std::size_t limit) override {
    asked_limit = limit;
    return entries;
  }
  std::vector<instance::DifferenceSnapshot> differences() override { return {difference}; }
  std::vector<instance::WindowSnapshot> windows() override { return {window}; }
  Result<void> detach(std::string_view replica, std::string_view listen) override {
    calls.push_back("detach " + std::string(replica) + " " + std::string(listen));
    if (replica != "127.0.0.1:6380")
      return Error{"no replica of that address"};
    return {};
  }
  Result<void> attach(std::string_view replica, std::string_view listen) override {
    calls.push_back("attach " + std::string(replica) + " " + std::string(listen));
    if (replica == "127.0.0.1:6380")
      return Error{"the replica is attached already"};
    return {};
  }
  Result<void> reload() override {
    calls.emplace_back("reload");
    if (!reload_error.empty())
      return Error{reload_error};
    return {};
  }

  instance::InstanceSnapshot snapshot;
  std::vector<instance::LedgerEntry> entries;
  instance::WindowSnapshot window;
  instance::DifferenceSnapshot difference;
  std::vector<std::string> calls;
  std::string reload_error;
  std::size_t asked_limit = 99;
};

}  // namespace parikshan::test
