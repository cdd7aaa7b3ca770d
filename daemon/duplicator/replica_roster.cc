// Who is fed, and what became of it: the part of the replica thread that the ledger and the
// policy's conclusions are made of.
#include <fmt/format.h>

#include <algorithm>

#include "duplicator/replica_thread.h"

namespace parikshan::duplicator {

void ReplicaThread::judge(FedSession& session, ReplicaLeg& leg) {
  Replica& replica = leg.replica();
  const std::string who = fmt::format("session {} of {}", session.streams().origin.session,
                                      session.streams().origin.client);
  if (leg.is_lost() && !leg.counted_lost) {
    leg.counted_lost = true;
    ++replica.sessions_lost;
    if (leg.overflowed() && replica.attached) {
      const std::string why =
          fmt::format("{}, lost from byte {}: {}", who, leg.cursor(), leg.lost_why());
      replica.raise(SyncState::overflowed, why);
      if (settings_.detach_on_overflow && !leg.lacked_descriptor())
        to_detach_.emplace_back(&replica, why);
    }
  }
  const divergence::Difference* first = leg.checker().first();
  if (first == nullptr || leg.counted_diverged)
    return;
  leg.counted_diverged = true;
  ++replica.sessions_diverged;
  replica.keep(
      KeptDifference{session.streams().origin.session, session.streams().origin.client, *first});
  if (static_cast<double>(replica.sessions_diverged) <=
      settings_.tolerate * static_cast<double>(replica.sessions))
    return;
  const std::string why =
      fmt::format("{}, answer differs at byte {}: {}", who, first->production_offset, first->why);
  replica.raise(SyncState::diverged, why);
  if (settings_.detach_on_divergence && replica.attached)
    to_detach_.emplace_back(&replica, why);
}

void ReplicaThread::attach(Port& port, const net::Address& address) {
  // What it was fed before is over and told by nobody any more: the state begins anew.
  for (const auto& former : replicas_) {
    if (!former->attached && &former->port == &port && former->address == address)
      former->superseded = true;
  }
  forget_superseded();
  auto replica = std::make_unique<Replica>(port, address);
  replica->attached_epoch = context_.epoch.load() + 1;
  replicas_.push_back(std::move(replica));
  // The epoch first: a session that sees the port wanted must carry it.
  context_.epoch.fetch_add(1);
  port.replicas_wanting.fetch_add(1);
}

/// Records that open sessions still refer to stay until those end.
void ReplicaThread::forget_superseded() {
  std::erase_if(replicas_, [this](const std::unique_ptr<Replica>& replica) {
    if (!replica->superseded || replica->sessions_open > 0)
      return false;
    std::erase_if(to_detach_, [&replica](const auto& due) { return due.first == replica.get(); });
    return true;
  });
}

void ReplicaThread::detach(Replica& replica, const std::string& why) {
  if (!replica.attached)
    return;
  replica.attached = false;
  replica.detached_why = why;
  replica.port.replicas_wanting.fetch_sub(1);
  for (FedSession* session : sessions_) {
    for (ReplicaLeg& leg : session->legs()) {
      if (&leg.replica() != &replica || leg.phase() == ReplicaLeg::Phase::over)
        continue;
      leg.lose("the replica was detached", true);
      list(session);
    }
  }
}

void ReplicaThread::change(divergence::Masks masks, ReplicaSettings settings) {
  old_masks_.push_back(std::move(masks_));
  masks_ = std::make_unique<divergence::Masks>(std::move(masks));
  settings_ = settings;
}

Account ReplicaThread::totals(const Replica& replica) const {
  Account sum = replica.ended;
  for (const FedSession* session : sessions_) {
    for (const ReplicaLeg& leg : session->legs()) {
      if (&leg.replica() == &replica)
        sum += session->account(leg);
    }
  }
  return sum;
}

std::uint64_t ReplicaThread::room(const Replica& replica) const {
  std::uint64_t sessions = 0;
  std::uint64_t least = settings_.session_quota;
  for (const FedSession* session : sessions_) {
    for (const ReplicaLeg& leg : session->legs()) {
      if (&leg.replica() != &replica || leg.phase() == ReplicaLeg::Phase::over)
        continue;
      ++sessions;
      least = std::min(least, settings_.session_quota -
                                  std::min(settings_.session_quota, session->input_resident()));
    }
  }
  const std::uint64_t free = pool_.memory() - std::min(pool_.memory(), pool_.used());
  const std::uint64_t of_sessions = least > free / std::max<std::uint64_t>(sessions, 1)
                                        ? free
                                        : least * std::max<std::uint64_t>(sessions, 1);
  return of_sessions + (spill_ ? spill_->quota() - std::min(spill_->quota(), spill_->used()) : 0);
}

std::vector<SessionRecord> ReplicaThread::open_records(const Replica& replica,
                                                       std::size_t most) const {
  std::vector<SessionRecord> records;
  for (const FedSession* session : sessions_) {
    for (const ReplicaLeg& leg : session->legs()) {
      if (records.size() >= most)
        return records;
      if (&leg.replica() == &replica)
        records.push_back(session->record(leg));
    }
  }
  return records;
}

std::uint64_t ReplicaThread::messages() const {
  std::uint64_t sum = ended_messages_;
  for (FedSession* session : sessions_)
    sum += session->streams().client_to_production.appends();
  return sum;
}

}  // namespace parikshan::duplicator
