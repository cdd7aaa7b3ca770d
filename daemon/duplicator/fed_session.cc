#include "duplicator/fed_session.h"

#include <algorithm>

namespace parikshan::duplicator {
namespace {

constexpr std::int64_t idle_ms = 250;  // after which a line without an end is taken as it is

}  // namespace

void FedSession::add_leg(Replica& replica, const divergence::Masks& masks, int epoll_fd,
                         std::uint64_t descriptor_limit) {
  auto last = legs_.before_begin();
  while (std::next(last) != legs_.end())
    ++last;
  ReplicaLeg& leg = *legs_.emplace_after(last, replica, *this, masks);
  ++replica.sessions;
  ++replica.sessions_open;
  leg.connect(epoll_fd, descriptor_limit);
}

std::size_t FedSession::turn(const Limits& limits, std::int64_t now_ms, std::string& scratch) {
  // The ends are read first: what was appended before them is then in the logs.
  const stream::End input_ended = streams_->client_to_production.ended();
  const stream::End output_ended = streams_->production_to_client.ended();
  input_.refresh();
  output_.refresh();
  if (const std::uint64_t seen = input_.end() + output_.end();
      seen != seen_ || last_news_ms_ == 0) {
    seen_ = seen;
    last_news_ms_ = now_ms;
  }
  if (streams_->client_to_production.broken()) {
    for (ReplicaLeg& leg : legs_)
      leg.lose("the instance's memory quota is used up", true);
  }

  std::size_t moved = 0;
  restless_ = false;
  // Asked for behind the end: whoever ended a log has broken it before, if at all.
  const bool output_broken = streams_->production_to_client.broken();
  ReplicaLeg::Production production{input_,       output_,       input_ended,
                                    output_ended, output_broken, now_ms - last_news_ms_ > idle_ms,
                                    now_ms};
  for (ReplicaLeg& leg : legs_) {
    if (leg.phase() == ReplicaLeg::Phase::over)
      continue;
    moved += leg.turn(production, scratch);
    leg.checker().shed(output_, limits.output);
    if (leg.phase() == ReplicaLeg::Phase::over)
      continue;
    const bool ending = input_ended != stream::End::open;
    if (leg.cursor() < input_.end() || leg.loading() || leg.unread() || leg.checker().in_line() ||
        ending)
      restless_ = true;
  }
  release();
  if (!input_.fit(limits.input) && input_.resident() > limits.quota)
    cut_slowest(input_.disk_problem().empty()
                    ? "the session's quotas of memory and spill are used up"
                    : input_.disk_problem());
  return moved;
}

void FedSession::release() {
  std::uint64_t input_from = UINT64_MAX;
  std::uint64_t output_from = UINT64_MAX;
  for (ReplicaLeg& leg : legs_) {
    if (leg.phase() == ReplicaLeg::Phase::over)
      continue;
    input_from = std::min(input_from, leg.cursor());
    output_from = std::min(output_from, leg.checker().needed_from());
  }
  input_.release(input_from);
  output_.release(output_from);
  if (port_.paced && input_from != streams_->client_to_production.paced()) {
    streams_->client_to_production.pace(input_from);
    streams_->resume();
  }
  if (input_from == UINT64_MAX && !discarding_) {
    // Nobody is left to read: the production thread need not copy any more.
    discarding_ = true;
    streams_->client_to_production.discard();
    streams_->production_to_client.discard();
  }
}

void FedSession::cut_slowest(const std::string& why) {
  ReplicaLeg* slowest = nullptr;
  for (ReplicaLeg& leg : legs_) {
    if (leg.phase() == ReplicaLeg::Phase::over)
      continue;
    if (slowest == nullptr || leg.cursor() < slowest->cursor())
      slowest = &leg;
  }
  if (slowest == nullptr)
    return;
  slowest->lose(why, true);
  release();
}

bool FedSession::blocked() const {
  return std::any_of(legs_.begin(), legs_.end(),
                     [](const ReplicaLeg& leg) { return leg.blocked(); });
}

bool FedSession::loading() const {
  return std::any_of(legs_.begin(), legs_.end(),
                     [](const ReplicaLeg& leg) { return leg.loading(); });
}

bool FedSession::over() const {
  return streams_->closed() && std::all_of(legs_.begin(), legs_.end(), [](const ReplicaLeg& leg) {
           return leg.phase() == ReplicaLeg::Phase::over;
         });
}

Account FedSession::account(const ReplicaLeg& leg) const {
  const stream::StreamLog& output = streams_->production_to_client;
  const std::uint64_t produced = output.due();
  return leg.account(streams_->client_to_production.due(), produced,
                     output.broken() ? output.end() : produced);
}

SessionRecord FedSession::record(const ReplicaLeg& leg) const {
  SessionRecord record;
  record.session = streams_->origin.session;
  record.client = streams_->origin.client;
  record.open = !over();
  record.account = account(leg);
  record.is_lost = leg.is_lost();
  record.overflowed = leg.overflowed();
  record.first_lost = leg.cursor();
  record.lost_why = leg.lost_why();
  if (const divergence::Difference* first = leg.checker().first(); first != nullptr) {
    record.diverged = true;
    record.first_divergent = first->production_offset;
    record.divergent_why = first->why;
  }
  return record;
}

}  // namespace parikshan::duplicator
