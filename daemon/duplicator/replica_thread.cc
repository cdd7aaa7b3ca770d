// How often replicas are written to decides what the copy costs. A send for each message would
// cost more than half of what forwarding it did; a send for several messages of a session costs
// next to nothing per message, and a replica may as well be a few milliseconds behind. So the
// thread works in rounds and pauses between them for a multiple of what the round took: it can
// never have more than a small share of a processor for small messages, however many sessions
// there are. Bulk is the exception: while replicas take all they are given, or as soon as a full
// socket has room again, the next round begins at once.
//
// (A wake-up for each message, or a timer for each session, were the alternatives: both put a
// system call into the production path.)
#include "duplicator/replica_thread.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/clock.h"

namespace parikshan::duplicator {
namespace {

constexpr std::int64_t shortest_pause_ms = 5;
constexpr std::int64_t longest_pause_ms = 25;
constexpr std::int64_t pause_share = 12;              // pause / work, for small messages
constexpr std::size_t bulk = std::size_t{256} << 10;  // moved in a round: no pause
constexpr std::int64_t sweep_ms = 100;                // restless sessions get a turn
constexpr std::uint64_t output_kept = std::uint64_t{256} << 10;
constexpr std::uint64_t least_input = std::uint64_t{64} << 10;  // of a session, under pressure
constexpr int events_at_once = 512;
constexpr int niceness = 10;
constexpr int niceness_in_danger = 0;
constexpr int most_cuts_a_round = 16;

}  // namespace

Result<std::unique_ptr<ReplicaThread>> ReplicaThread::create(
    stream::ChunkPool& pool, stream::SessionStreams::News& news, ProductionContext& context,
    std::unique_ptr<stream::Spill> spill, divergence::Masks masks, ReplicaSettings settings) {
  std::unique_ptr<ReplicaThread> thread(
      new ReplicaThread(pool, news, context, std::move(spill), settings));
  thread->masks_ = std::make_unique<divergence::Masks>(std::move(masks));
  thread->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!thread->epoll_)
    return errno_error("make the epoll of the replica thread");
  for (const int fd : {news.event_fd(), thread->spill_ ? thread->spill_->done_fd() : -1}) {
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    if (fd >= 0 && ::epoll_ctl(thread->epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) != 0)
      return errno_error("watch the mailbox of the replica thread");
  }
  return thread;
}

ReplicaThread::~ReplicaThread() {
  stop();
  hear_news();  // what was posted last holds references
  while (!sessions_.empty())
    close(sessions_.back());
  hear_news();
}

Result<void> ReplicaThread::start() {
  running_ = true;
  try {
    thread_ = std::thread(&ReplicaThread::run, this);
  } catch (const std::system_error& problem) {
    running_ = false;
    return Error{"start the replica thread", problem.code().value()};
  }
  return {};
}

void ReplicaThread::stop() {
  if (!thread_.joinable())
    return;
  commands_.post([this] { stopping_ = true; });
  thread_.join();
  running_ = false;
}

void ReplicaThread::run_and_wait(const std::function<void()>& command) {
  if (!running_)
    return command();
  commands_.run_and_wait(command);
}

void ReplicaThread::run() {
  ::pthread_setname_np(::pthread_self(), "replica");
  set_niceness(niceness);
  while (!stopping_) {
    const std::int64_t began = now_ns();
    round();
    round_took_ns_ = now_ns() - began;
    if (!stopping_)
      wait();
  }
}

/// Of this thread only: Linux gives each one a nice value of its own. Going back down takes
/// privilege; without it the first value stays.
void ReplicaThread::set_niceness(int value) {
  if (niceness_ == value)
    return;
  niceness_ = value;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), value);
}

/// Waits for the next round: not at all, for a pause, or until there is news.
void ReplicaThread::wait() {
  if (moved_ >= bulk)
    return;
  // After a round with news more will come: sleeping would make production ring for each message.
  const bool idle = moved_ == 0 && !heard_ && turns_.empty();
  if (idle && news_.go_to_sleep()) {
    pollfd watched{epoll_.get(), POLLIN, 0};
    const bool awaited = !restless_.empty() || pool_.cooling();
    ::poll(&watched, 1, awaited ? static_cast<int>(sweep_ms) : -1);
    news_.awake();
    return;
  }
  const std::int64_t pause =
      std::clamp(round_took_ns_ * pause_share / 1'000'000, shortest_pause_ms, longest_pause_ms);
  // While a socket is full its next edge is worth waking for; commands always are.
  pollfd watched{blocked_ || loading_ ? epoll_.get() : news_.event_fd(), POLLIN, 0};
  ::poll(&watched, 1, static_cast<int>(pause));
}

void ReplicaThread::round() {
  moved_ = 0;
  heard_ = false;
  pool_.tend(now_ms());
  hear_sockets();
  if (spill_)
    spill_->collect();
  commands_.run_all();
  hear_news();
  if (const std::int64_t now = now_ms(); now >= next_sweep_ms_ || loading_) {
    if (now >= next_sweep_ms_)
      next_sweep_ms_ = now + sweep_ms;
    std::vector<FedSession*> restless;
    restless.swap(restless_);
    for (FedSession* session : restless) {
      session->listed_restless = false;
      list(session);
    }
  }
  std::vector<FedSession*> turns;
  turns.swap(turns_);
  blocked_ = false;
  loading_ = false;
  for (FedSession* session : turns) {
    session->listed = false;
    turn(session);
  }
  relieve();
  // Bytes pile up: this thread may be starving, and with it what replicas can be fed with.
  const bool danger = pool_.used() > pool_.memory() / 16;
  if (danger || pool_.used() < pool_.memory() / 64)
    set_niceness(danger ? niceness_in_danger : niceness);
  for (std::size_t i = 0; i < to_detach_.size(); ++i) {
    const auto [replica, why] = to_detach_[i];
    detach(*replica, why);
  }
  to_detach_.clear();
  for (FedSession* session : turns) {
    if (session->over())
      close(session);
  }
}

void ReplicaThread::hear_sockets() {
  epoll_event events[events_at_once];
  for (;;) {
    const int ready = ::epoll_wait(epoll_.get(), events, events_at_once, 0);
    for (int i = 0; i < ready; ++i) {
      auto* leg = static_cast<ReplicaLeg*>(events[i].data.ptr);
      if (leg == nullptr)
        continue;  // a mailbox: it is looked into every round
      leg->note(events[i].events);
      list(&leg->session());
    }
    if (ready < events_at_once)
      break;
  }
  news_.drain();
}

void ReplicaThread::hear_news() {
  for (stream::SessionStreams* streams = news_.take_all(); streams != nullptr;) {
    stream::SessionStreams* const next = stream::SessionStreams::News::taken(streams);
    heard_ = true;
    auto* session = static_cast<FedSession*>(streams->reader);
    if (session == nullptr && !streams->reader_done)
      session = open(streams);
    if (session != nullptr)
      list(session);
    streams->drop();
    streams = next;
  }
}

FedSession* ReplicaThread::open(stream::SessionStreams* streams) {
  const stream::SessionStreams::Origin& origin = streams->origin;
  const auto of_port =
      std::find_if(replicas_.begin(), replicas_.end(),
                   [&origin](const auto& replica) { return replica->port.id == origin.port; });
  if (of_port == replicas_.end()) {  // cannot be: somebody wanted the session when it was opened
    streams->reader_done = true;
    streams->client_to_production.discard();
    streams->production_to_client.discard();
    streams->drop();
    return nullptr;
  }
  auto* session = new FedSession(streams, (*of_port)->port, spill_.get());
  streams->reader = session;
  session->index = sessions_.size();
  sessions_.push_back(session);
  for (const auto& replica : replicas_) {
    if (replica->attached && replica->port.id == origin.port &&
        origin.epoch >= replica->attached_epoch)
      session->add_leg(*replica, *masks_, epoll_.get(), settings_.descriptor_limit);
  }
  return session;
}

void ReplicaThread::list(FedSession* session) {
  if (session->listed)
    return;
  session->listed = true;
  turns_.push_back(session);
}

FedSession::Limits ReplicaThread::limits() const {
  FedSession::Limits limits;
  limits.quota = settings_.session_quota;
  limits.input = limits.quota;
  limits.output = std::min(output_kept, settings_.session_quota);
  // When the instance's memory runs short, sessions go to disk earlier and answers to hashes: what
  // is free must last until the disk has taken what it is given.
  if (pool_.used() > pool_.memory() / 4)
    limits.input = std::min(limits.input, std::max(pool_.memory() / 8, least_input));
  if (pool_.used() > pool_.memory() / 4 * 3) {
    limits.input = std::min(limits.input, least_input);
    limits.output = 0;
  }
  return limits;
}

void ReplicaThread::turn(FedSession* session) {
  const std::size_t moved = session->turn(limits(), now_ms(), scratch_);
  moved_ += moved;
  settle(session);
  if (moved >= bulk)
    list(session);
}

/// Draws the conclusions from a session's turn.
void ReplicaThread::settle(FedSession* session) {
  for (ReplicaLeg& leg : session->legs())
    judge(*session, leg);
  if (session->blocked())
    blocked_ = true;
  if (session->loading())
    loading_ = true;
  if ((session->restless() || session->over()) && !session->listed_restless) {
    session->listed_restless = true;
    restless_.push_back(session);
  }
}

/// Keeps a part of the pool free for the production threads by cutting off whoever holds most.
void ReplicaThread::relieve() {
  for (int cuts = 0; cuts < most_cuts_a_round && pool_.used() > pool_.memory() / 8 * 7; ++cuts) {
    const auto largest = std::max_element(
        sessions_.begin(), sessions_.end(),
        [](const FedSession* a, const FedSession* b) { return a->resident() < b->resident(); });
    if (largest == sessions_.end() || (*largest)->resident() <= stream::large_chunk)
      return;
    const std::uint64_t before = (*largest)->resident();
    (*largest)->cut_slowest("the instance's memory quota is used up");
    settle(*largest);
    list(*largest);
    if (!to_detach_.empty() || (*largest)->resident() >= before)
      return;
  }
}

void ReplicaThread::close(FedSession* session) {
  for (ReplicaLeg& leg : session->legs()) {
    judge(*session, leg);
    Replica& replica = leg.replica();
    --replica.sessions_open;
    replica.keep(session->record(leg));
  }
  ended_messages_ += session->streams().client_to_production.appends();
  sessions_[session->index] = sessions_.back();
  sessions_[session->index]->index = session->index;
  sessions_.pop_back();
  if (session->listed)
    std::erase(turns_, session);
  if (session->listed_restless)
    std::erase(restless_, session);
  session->streams().reader = nullptr;
  session->streams().reader_done = true;
  delete session;
  forget_superseded();
}

}  // namespace parikshan::duplicator
