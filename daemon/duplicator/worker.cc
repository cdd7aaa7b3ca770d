// One thread, one epoll, many sessions. Clients are spread by the number of open sessions, not by
// the kernel: a shared listening socket wakes whoever waited last, and eight long bulk sessions
// that all fell to one of two threads would stay there.
//
// Out of descriptors is a state, not an error: what is open goes on, and accepting pauses until
// something closes. A few descriptors below the limit are left to the control socket, which is
// how people learn of it.
#include "duplicator/worker.h"

#include <pthread.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/clock.h"
#include "net/socket.h"

namespace parikshan::duplicator {
namespace {

constexpr int events_at_once = 256;
constexpr int retry_ms = 50;
constexpr int accepts_a_turn = 64;
constexpr std::uint32_t leg_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

// What epoll gives back: a pointer, and in its two low bits what it points to.
enum Tag : std::uint64_t { client_leg = 0, production_leg = 1, listening = 2, mailbox = 3 };

std::uint64_t tag(const void* pointer, Tag kind) {
  return reinterpret_cast<std::uintptr_t>(pointer) | kind;  // NOLINT: epoll_data is a word
}

bool out_of_something(int errnum) {
  return errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM;
}

}  // namespace

Result<std::unique_ptr<Worker>> Worker::create(unsigned index, ProductionContext& context) {
  std::unique_ptr<Worker> worker(new Worker(index, context));
  worker->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!worker->epoll_)
    return errno_error("make the epoll of a production thread");
  Result<Fd> event = make_event_fd();
  if (!event)
    return event.error();
  worker->resume_ = std::make_unique<stream::SessionStreams::Resume>(std::move(event.value()));
  worker->commands_ = std::make_unique<CommandQueue>(worker->resume_->event_fd());
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.u64 = tag(nullptr, mailbox);
  if (::epoll_ctl(worker->epoll_.get(), EPOLL_CTL_ADD, worker->resume_->event_fd(), &wanted) != 0)
    return errno_error("watch the mailbox of a production thread");
  return worker;
}

Worker::~Worker() {
  join();
  while (sessions_ != nullptr)
    close(sessions_);
  // What still lies in the mailbox holds references.
  if (resume_)
    take_resumed();
}

void Worker::run_and_wait(const std::function<void()>& command) {
  if (!thread_.joinable())
    return command();
  commands_->run_and_wait(command);
}

Result<void> Worker::start() {
  try {
    thread_ = std::thread(&Worker::run, this);
  } catch (const std::system_error& problem) {
    return Error{"start a production thread", problem.code().value()};
  }
  return {};
}

void Worker::listen(Port* port, int fd) {
  commands_->post([this, port, fd] {
    listeners_.push_back(std::make_unique<Listener>(Listener{port, fd, false}));
    if (paused_.load(std::memory_order_relaxed) == 0)
      arm(*listeners_.back(), true);
  });
}

void Worker::stop_listening(Port* port) {
  run_and_wait([this, port] {
    std::erase_if(listeners_, [this, port](std::unique_ptr<Listener>& listener) {
      if (listener->port != port)
        return false;
      arm(*listener, false);
      listener->port = nullptr;
      retired_.push_back(std::move(listener));  // an event of this batch may still name it
      return true;
    });
    for (Waiting& waiting : waiting_) {
      if (waiting.port == port)
        refuse(port, std::move(waiting.client));
    }
    std::erase_if(waiting_, [port](const Waiting& waiting) { return waiting.port == port; });
  });
}

void Worker::close_sessions(Port* port) {
  run_and_wait([this, port] {
    for (Session *session = sessions_, *next = nullptr; session != nullptr; session = next) {
      next = session->next;
      if (session->phase() == Session::Phase::over)
        continue;
      if (port != nullptr && &session->port() != port)
        continue;
      session->abandon();
      over_.push_back(session);
    }
  });
}

void Worker::stop() {
  commands_->post([this] { stopping_ = true; });
}

void Worker::join() {
  if (thread_.joinable())
    thread_.join();
}

void Worker::arm(Listener& listener, bool on) {
  if (listener.armed == on)
    return;
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLEXCLUSIVE;
  wanted.data.u64 = tag(&listener, listening);
  if (::epoll_ctl(epoll_.get(), on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener.fd, &wanted) == 0)
    listener.armed = on;
}

void Worker::run() {
  ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(index_)).c_str());
  epoll_event events[events_at_once];
  while (!stopping_) {
    int timeout = -1;
    if (!again_.empty())
      timeout = 0;
    else if (paused_.load(std::memory_order_relaxed) != 0 || !waiting_.empty())
      timeout = retry_ms;
    const int ready = ::epoll_wait(epoll_.get(), events, events_at_once, timeout);
    for (int i = 0; i < ready; ++i)
      dispatch(events[i].data.u64, events[i].events);
    if (!again_.empty()) {
      std::vector<Session*> turn;
      turn.swap(again_);
      for (Session* session : turn) {
        session->listed_again = false;
        if (session->phase() == Session::Phase::over)
          continue;
        session->turn(buffers_);
        after(session);
      }
    }
    // Sessions end only here: an event of the same batch may still have named them.
    for (Session* session : over_)
      close(session);
    over_.clear();
    retired_.clear();
    if ((paused_.load(std::memory_order_relaxed) != 0 || !waiting_.empty()) &&
        now_ms() >= next_try_ms_) {
      next_try_ms_ = now_ms() + retry_ms;
      try_to_resume();
    }
  }
}

void Worker::dispatch(std::uint64_t word, std::uint32_t events) {
  void* pointer = reinterpret_cast<void*>(word & ~std::uint64_t{3});  // NOLINT: epoll_data
  switch (static_cast<Tag>(word & 3)) {
    case listening:
      if (auto* listener = static_cast<Listener*>(pointer); listener->port != nullptr)
        accept_from(*listener);
      break;
    case mailbox:
      resume_->drain();
      take_resumed();
      commands_->run_all();
      break;
    case client_leg:
    case production_leg: {
      auto* session = static_cast<Session*>(pointer);
      if (session->phase() == Session::Phase::over)
        break;
      session->on_event(
          (word & 3) == client_leg ? Session::Side::client : Session::Side::production, events,
          buffers_);
      if (session->just_connected()) {
        open_streams(session);
        session->begin();
        session->turn(buffers_);
      }
      after(session);
      break;
    }
  }
}

void Worker::after(Session* session) {
  if (session->phase() == Session::Phase::over) {
    if (session->connect_failed())
      PortCounters::add(session->port().counters[index_].connect_failures, 1);
    over_.push_back(session);
  } else if (session->again() && !session->listed_again) {
    session->listed_again = true;
    again_.push_back(session);
  }
}

void Worker::open_streams(Session* session) {
  Port& port = session->port();
  if (context_.pool == nullptr || !port.copied ||
      port.replicas_wanting.load(std::memory_order_acquire) == 0)
    return;
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  ::getpeername(session->client().get(), reinterpret_cast<sockaddr*>(&peer), &length);  // NOLINT
  auto* streams =
      new stream::SessionStreams({context_.next_session.fetch_add(1, std::memory_order_relaxed),
                                  port.id, context_.epoch.load(std::memory_order_acquire),
                                  net::Address::from_sockaddr(peer, length).text()},
                                 *context_.pool, context_.small_chunks_only, *context_.news);
  if (port.paced)
    streams->set_resume(resume_.get(), session);
  session->copy_into(streams);
  streams->publish();
}

void Worker::accept_from(Listener& listener) {
  for (int i = 0; i < accepts_a_turn; ++i) {
    Fd client(::accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!client) {
      if (errno == EINTR || errno == ECONNABORTED)
        continue;
      if (out_of_something(errno))
        pause_accepting(errno);
      return;
    }
    Worker* least = this;
    for (Worker* peer : peers_) {
      if (peer->sessions() < least->sessions())
        least = peer;
    }
    Port* port = listener.port;
    if (static_cast<std::uint64_t>(client.get()) >= context_.descriptor_limit) {
      // It waits with the descriptor it has, and is the last until others have closed theirs.
      waiting_.push_back({port, std::move(client)});
      pause_accepting(EMFILE);
      return;
    }
    if (least == this) {
      adopt(port, std::move(client));
    } else {
      least->load_.fetch_add(1,
                             std::memory_order_relaxed);  // at once, so that the next one sees it
      const int fd = client.release();
      least->commands_->post([least, port, fd] {
        least->load_.fetch_sub(1, std::memory_order_relaxed);
        least->adopt(port, Fd(fd));
      });
    }
    if (paused_.load(std::memory_order_relaxed) != 0)
      return;
  }
}

void Worker::adopt(Port* port, Fd client) {
  if (connect(port, client))
    return;
  waiting_.push_back({port, std::move(client)});
}

/// False when there is no descriptor or no room in production's backlog just now: the client has
/// to wait, as it would on a direct connection.
bool Worker::connect(Port* port, Fd& client) {
  PortCounters& counters = port->counters[index_];
  Result<Fd> production = net::start_connect(port->production, context_.descriptor_limit);
  if (!production) {
    if (out_of_something(production.error().errnum)) {
      pause_accepting(production.error().errnum);
      return false;
    }
    if (production.error().errnum == EAGAIN)
      return false;
    PortCounters::add(counters.connect_failures, 1);
    refuse(port, std::move(client));
    return true;
  }
  net::tune_stream(client.get(), port->listen);
  auto* session = new Session(*port, counters, std::move(client), std::move(production.value()));
  epoll_event wanted{};
  wanted.events = leg_events;
  wanted.data.u64 = tag(session, client_leg);
  bool watched = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, session->client().get(), &wanted) == 0;
  wanted.data.u64 = tag(session, production_leg);
  watched = watched &&
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, session->production().get(), &wanted) == 0;
  if (!watched) {  // fs.epoll.max_user_watches, or no memory
    PortCounters::add(counters.connect_failures, 1);
    delete session;
    return true;
  }
  session->next = sessions_;
  if (sessions_ != nullptr)
    sessions_->previous = session;
  sessions_ = session;
  load_.fetch_add(1, std::memory_order_relaxed);
  PortCounters::add(counters.sessions_open, 1);
  PortCounters::add(counters.sessions_total, 1);
  return true;
}

void Worker::refuse(Port* /*port*/, Fd client) {
  net::reset_and_close(std::move(client));
}

void Worker::close(Session* session) {
  if (session->previous != nullptr)
    session->previous->next = session->next;
  else
    sessions_ = session->next;
  if (session->next != nullptr)
    session->next->previous = session->previous;
  if (session->listed_again)
    std::erase(again_, session);
  std::atomic<std::uint64_t>& open = session->port().counters[index_].sessions_open;
  open.store(open.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  load_.fetch_sub(1, std::memory_order_relaxed);
  delete session;
}

void Worker::pause_accepting(int errnum) {
  if (paused_.exchange(errnum, std::memory_order_relaxed) != 0)
    return;
  for (const auto& listener : listeners_)
    arm(*listener, false);
}

void Worker::try_to_resume() {
  while (!waiting_.empty()) {
    Waiting& oldest = waiting_.front();
    if (!connect(oldest.port, oldest.client))
      return;
    waiting_.erase(waiting_.begin());
  }
  if (paused_.exchange(0, std::memory_order_relaxed) == 0)
    return;
  for (const auto& listener : listeners_)
    arm(*listener, true);
}

void Worker::take_resumed() {
  for (stream::SessionStreams* streams = resume_->take_all(); streams != nullptr;) {
    stream::SessionStreams* const next = stream::SessionStreams::Resume::taken(streams);
    auto* session = static_cast<Session*>(streams->context());
    if (session != nullptr && session->phase() == Session::Phase::open) {
      session->turn(buffers_);
      after(session);
    }
    streams->drop();
    streams = next;
  }
}

}  // namespace parikshan::duplicator
