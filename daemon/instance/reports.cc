// What the control socket shows, copied from the threads that own it. The replica thread answers
// between two rounds; production threads are only read from, through their counters.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/clock.h"
#include "base/log.h"
#include "instance/instance.h"
#include "window/hitting_time.h"

namespace parikshan::instance {
namespace {

using duplicator::PortCounters;

std::string_view mode_name(policy::Mode mode) {
  switch (mode) {
    case policy::Mode::asynchronous:
      return "asynchronous";
    case policy::Mode::synchronous:
      return "synchronous";
    case policy::Mode::passthrough:
      return "passthrough";
  }
  return "";
}

std::uint64_t descriptors_used() {
  std::error_code problem;
  std::uint64_t used = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", problem), end; !problem && it != end;
       it.increment(problem))
    ++used;
  return used;
}

LedgerEntry entry_of(const duplicator::Replica& replica, const duplicator::SessionRecord& record) {
  LedgerEntry entry;
  entry.session = record.session;
  entry.client = record.client;
  entry.listen = replica.port.listen.text();
  entry.replica = replica.address.text();
  entry.open = record.open;
  entry.due = record.account.due;
  entry.delivered = record.account.delivered;
  entry.pending = record.account.pending;
  entry.lost = record.account.lost;
  entry.has_first_lost = record.is_lost && record.account.lost > 0;
  entry.first_lost = record.first_lost;
  entry.lost_why = record.lost_why;
  entry.produced = record.account.produced;
  entry.compared = record.account.compared;
  entry.uncompared = record.account.uncompared;
  entry.awaited = record.account.awaited;
  entry.answered = record.account.answered;
  entry.has_first_divergent = record.diverged;
  entry.first_divergent = record.first_divergent;
  entry.divergent_why = record.divergent_why;
  return entry;
}

}  // namespace

ReplicaSnapshot Instance::snapshot_of(const duplicator::Replica& replica) const {
  const duplicator::Account sum = replicas_->totals(replica);
  ReplicaSnapshot snapshot;
  snapshot.address = replica.address.text();
  snapshot.listen = replica.port.listen.text();
  snapshot.state = replica.state;
  snapshot.reason = replica.reason.empty() && !replica.attached
                        ? "detached: " + replica.detached_why
                        : replica.reason;
  snapshot.attached = replica.attached;
  snapshot.sessions = replica.sessions;
  snapshot.sessions_open = replica.sessions_open;
  snapshot.sessions_diverged = replica.sessions_diverged;
  snapshot.sessions_lost = replica.sessions_lost;
  snapshot.due = sum.due;
  snapshot.delivered = sum.delivered;
  snapshot.pending = sum.pending;
  snapshot.lost = sum.lost;
  snapshot.produced = sum.produced;
  snapshot.compared = sum.compared;
  snapshot.uncompared = sum.uncompared;
  snapshot.awaited = sum.awaited;
  snapshot.answered = sum.answered;
  snapshot.blocks_differing = sum.blocks_differing;
  return snapshot;
}

InstanceSnapshot Instance::status() {
  InstanceSnapshot snapshot;
  snapshot.name = policy_.name;
  snapshot.pid = ::getpid();
  snapshot.uptime = static_cast<double>(now_ms() - started_ms_) / 1000;
  snapshot.draining = draining_;
  snapshot.accepting = !draining_;
  if (draining_)
    snapshot.not_accepting_why = "the instance is being stopped";
  for (const auto& worker : workers_) {
    if (const int problem = worker->accepting_paused(); problem != 0) {
      snapshot.accepting = false;
      snapshot.not_accepting_why =
          problem == EMFILE ? fmt::format("out of descriptors (the limit is {})", descriptor_limit_)
                            : std::generic_category().message(problem);
    }
  }
  snapshot.descriptors_used = descriptors_used();
  snapshot.descriptors_limit = descriptor_limit_;
  snapshot.arrival_rate = arrival_.rate();
  snapshot.answer_rate = answers_.rate();
  for (const auto& listening : ports_) {
    const duplicator::Port& port = *listening->port;
    PortSnapshot shown;
    shown.listen = port.listen.text();
    shown.production = port.production.text();
    shown.mode = mode_name(listening->mode);
    shown.sessions_open = port.sum(&PortCounters::sessions_open);
    if (listening->retired && !draining_ && shown.sessions_open == 0)
      continue;
    shown.sessions_total = port.sum(&PortCounters::sessions_total);
    shown.sessions_not_copied = port.sum(&PortCounters::sessions_not_copied);
    shown.connect_failures = port.sum(&PortCounters::connect_failures);
    shown.client_to_production = port.sum(&PortCounters::client_to_production);
    shown.production_to_client = port.sum(&PortCounters::production_to_client);
    snapshot.ports.push_back(std::move(shown));
  }
  replicas_->run_and_wait([&] {
    for (const auto& replica : replicas_->replicas()) {
      if (replica->superseded)
        continue;
      snapshot.replicas.push_back(snapshot_of(*replica));
      if (replica->state > snapshot.state) {
        snapshot.state = replica->state;
        snapshot.reason = fmt::format("replica {}: {}", replica->address.text(), replica->reason);
      }
    }
    const stream::ChunkPool& pool = replicas_->pool();
    snapshot.buffer.memory_quota = pool.memory();
    snapshot.buffer.memory_used = pool.used();
    snapshot.buffer.memory_resident = pool.resident();
    snapshot.buffer.chunks_used = pool.chunks_out();
    if (const stream::Spill* spill = replicas_->spill(); spill != nullptr) {
      snapshot.buffer.spill_quota = spill->quota();
      snapshot.buffer.spill_used = spill->used();
      snapshot.buffer.spill_problem = spill->problem();
    }
  });
  return snapshot;
}

std::vector<LedgerEntry> Instance::ledger(std::size_t limit) {
  const std::size_t most = limit == 0 ? SIZE_MAX : limit;
  std::vector<LedgerEntry> entries;
  replicas_->run_and_wait([&] {
    for (const auto& replica : replicas_->replicas()) {
      if (replica->superseded)
        continue;
      for (const auto& record : replicas_->open_records(*replica, most - entries.size()))
        entries.push_back(entry_of(*replica, record));
    }
    for (const auto& replica : replicas_->replicas()) {
      if (replica->superseded)
        continue;
      const auto& records = replica->records;
      for (auto it = records.rbegin(); it != records.rend() && entries.size() < most; ++it)
        entries.push_back(entry_of(*replica, *it));
    }
  });
  return entries;
}

std::vector<DifferenceSnapshot> Instance::differences() {
  std::vector<DifferenceSnapshot> shown;
  replicas_->run_and_wait([&] {
    for (const auto& replica : replicas_->replicas()) {
      if (replica->superseded)
        continue;
      for (const duplicator::KeptDifference& kept : replica->differences) {
        const divergence::Difference& difference = kept.difference;
        shown.push_back({kept.session, kept.client, replica->port.listen.text(),
                         replica->address.text(), difference.production_offset,
                         difference.replica_offset, difference.why, difference.context_before,
                         difference.production, difference.replica});
      }
    }
  });
  return shown;
}

void Instance::tick(std::int64_t now_ms) {
  std::uint64_t arrived = 0;
  std::uint64_t answered = 0;
  for (const auto& listening : ports_) {
    arrived += listening->port->sum(&PortCounters::client_to_production);
    answered += listening->port->sum(&PortCounters::production_to_client);
  }
  arrival_.sample(arrived, now_ms);
  answers_.sample(answered, now_ms);
  replicas_->run_and_wait([&] {
    for (const auto& replica : replicas_->replicas()) {
      if (replica->superseded)
        continue;
      const duplicator::Account sum = replicas_->totals(*replica);
      Rates& rates = rates_[replica.get()];
      rates.arrival.sample(sum.due, now_ms);
      rates.drain.sample(sum.delivered, now_ms);
      rates.messages.sample(replicas_->messages(), now_ms);
    }
  });
  tell_changes(status());
}

void Instance::tell_changes(const InstanceSnapshot& now) {
  // Once a second at most, and a line for each change: whoever reads the log next morning is to
  // find what happened, and when.
  std::map<std::string, std::string> said;
  for (const ReplicaSnapshot& replica : now.replicas) {
    said[fmt::format("replica {} at {}", replica.address, replica.listen)] =
        fmt::format("{}{}{}{}", to_string(replica.state), replica.reason.empty() ? "" : ": ",
                    replica.reason, replica.attached ? "" : "; fed no more");
  }
  for (const PortSnapshot& port : now.ports) {
    if (port.connect_failures > 0)
      said[fmt::format("production {}", port.production)] =
          fmt::format("could not be reached; clients of {} are reset", port.listen);
  }
  if (!now.buffer.spill_problem.empty())
    said["spill"] = now.buffer.spill_problem;
  if (!now.accepting)
    said["accepting"] = "paused: " + now.not_accepting_why;
  for (const auto& [what, how] : said) {
    const auto before = said_.find(what);
    if (before == said_.end() ? how != to_string(SyncState::in_sync) : before->second != how)
      log::warning("{}: {}: {}", policy_.name, what, how);
  }
  for (const auto& [what, how] : said_) {
    if (!said.contains(what))
      log::notice("{}: {}: over", policy_.name, what);
  }
  said_ = std::move(said);
}

WindowSnapshot Instance::window_of(const duplicator::Replica& replica) {
  const duplicator::Account sum = replicas_->totals(replica);
  const Rates& rates = rates_[&replica];
  WindowSnapshot window;
  window.replica = replica.address.text();
  window.listen = replica.port.listen.text();
  window.arrival = rates.arrival.rate();
  window.drain = rates.drain.latest();
  window.pending = sum.pending;
  const double messages = rates.messages.rate();
  window.message = messages > 0 ? std::max(1.0, arrival_.rate() / messages) : 0;

  window.room = replicas_->room(replica);

  // What is pending for less than a pause of the replica thread is on its way, not waiting.
  const double on_its_way = window.arrival * 0.05 + 65536;
  window.keeps_up = static_cast<double>(window.pending) <= on_its_way;
  if (window.keeps_up || window.arrival <= 0 || window.drain >= window.arrival)
    return window;
  window.unbounded = false;
  const double message = window.message > 0 ? window.message : 1;
  const double waiting = static_cast<double>(window.pending) / message;
  const double places = waiting + static_cast<double>(window.room) / message;
  window.seconds_to_overflow = window::expected_time_to_overflow(
      window.arrival / message, window.drain / message, places, waiting);
  return window;
}

std::vector<WindowSnapshot> Instance::windows() {
  std::vector<WindowSnapshot> shown;
  replicas_->run_and_wait([&] {
    for (const auto& replica : replicas_->replicas()) {
      if (replica->superseded)
        continue;
      if (replica->attached)
        shown.push_back(window_of(*replica));
    }
  });
  return shown;
}

}  // namespace parikshan::instance
