#include "instance/instance.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "net/socket.h"
#include "stream/spill.h"

namespace parikshan::instance {
namespace {

using policy::Mode;

// Open descriptors are counted by their numbers, which are always the lowest that are free. The
// control socket has the last ones, production all but those, replicas not the last eighth.
constexpr std::uint64_t control_reserve = 16;
constexpr std::uint64_t replica_reserve_share = 8;

constexpr std::int64_t delivery_patience_ms = 300;
constexpr std::uint64_t least_quota_for_large_chunks = std::uint64_t{1} << 20;

/// Clients need leave to connect: as production's own socket gives it, where there is one.
void copy_mode(const net::Address& listen, const net::Address& production) {
  struct stat status {};
  if (!listen.is_unix())
    return;
  const bool known = production.is_unix() && ::stat(production.unix_path().c_str(), &status) == 0;
  ::chmod(listen.unix_path().c_str(), known ? status.st_mode & 0777 : 0777);
}

std::string spill_directory(const policy::Policy& policy) {
  if (!policy.buffer.spill_directory.empty())
    return policy.buffer.spill_directory;
  if (::geteuid() == 0)
    return "/var/lib/parikshan/" + policy.name;
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if (state != nullptr && *state == '/')
    return std::string(state) + "/parikshan/" + policy.name;
  if (home != nullptr && *home == '/')
    return std::string(home) + "/.local/state/parikshan/" + policy.name;
  return fmt::format("/tmp/parikshan-{}/{}", ::geteuid(), policy.name);
}

/// What a running instance cannot change; empty when the two agree.
std::string fixed_change(const policy::Policy& now, const policy::Policy& then) {
  if (now.instance.workers != then.instance.workers)
    return "[instance] workers";
  if (now.buffer.memory != then.buffer.memory)
    return "[buffer] memory";
  if (now.buffer.prefault != then.buffer.prefault)
    return "[buffer] prefault";
  if (now.buffer.spill != then.buffer.spill)
    return "[buffer] spill";
  if (spill_directory(now) != spill_directory(then))
    return "[buffer] directory";
  if ((now.buffer.session < least_quota_for_large_chunks) !=
      (then.buffer.session < least_quota_for_large_chunks))
    return "[buffer] session, across 1MiB,";
  return {};
}

}  // namespace

Result<std::unique_ptr<Instance>> Instance::create(const policy::Policy& policy) {
  std::unique_ptr<Instance> instance(new Instance(policy));
  if (Result<void> built = instance->build(); !built)
    return built.error();
  return instance;
}

Result<void> Instance::build() {
  started_ms_ = now_ms();
  descriptor_limit_ = net::raise_descriptor_limit();
  context_.descriptor_limit = descriptor_limit_ - std::min(descriptor_limit_ / 4, control_reserve);
  context_.small_chunks_only = policy_.buffer.session < least_quota_for_large_chunks;

  auto pool = stream::ChunkPool::create(policy_.buffer.memory,
                                        policy_.buffer.prefault == policy::Prefault::full);
  if (!pool)
    return pool.error();
  pool_ = std::move(pool.value());
  Result<Fd> event = make_event_fd();
  if (!event)
    return event.error();
  news_ = std::make_unique<stream::SessionStreams::News>(std::move(event.value()));
  context_.pool = pool_.get();
  context_.news = news_.get();

  std::unique_ptr<stream::Spill> spill;
  if (policy_.buffer.spill > 0) {
    auto made = stream::Spill::create(spill_directory(policy_), policy_.buffer.spill, *pool_);
    if (!made)
      return made.error();
    spill = std::move(made.value());
  }
  Result<divergence::Masks> masks = divergence::Masks::compile(policy_.divergence.mask);
  if (!masks)
    return masks.error();
  auto replicas = duplicator::ReplicaThread::create(*pool_, *news_, context_, std::move(spill),
                                                    std::move(masks.value()), replica_settings());
  if (!replicas)
    return replicas.error();
  replicas_ = std::move(replicas.value());

  std::vector<duplicator::Worker*> peers;
  for (unsigned i = 0; i < policy_.instance.workers; ++i) {
    auto worker = duplicator::Worker::create(i, context_);
    if (!worker)
      return worker.error();
    peers.push_back(worker->get());
    workers_.push_back(std::move(worker.value()));
  }
  for (const auto& worker : workers_)
    worker->set_peers(peers);

  // Last: a client that connects is to be served at once.
  for (const policy::Duplicate& duplicate : policy_.duplicates) {
    Result<ListeningPort> port = open_port(duplicate);
    if (!port)
      return port.error();
    ports_.push_back(std::make_unique<ListeningPort>(std::move(port.value())));
  }
  return {};
}

Instance::~Instance() {
  stop();
}

Result<void> Instance::start() {
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    for (const net::Address& replica : policy_.duplicates[i].replicas)
      replicas_->attach(*ports_[i]->port, replica);
  }
  if (Result<void> started = replicas_->start(); !started)
    return started;
  for (const auto& worker : workers_) {
    if (Result<void> started = worker->start(); !started)
      return started;
  }
  for (const auto& port : ports_)
    serve(*port);
  return {};
}

duplicator::ReplicaSettings Instance::replica_settings() const {
  duplicator::ReplicaSettings settings;
  settings.session_quota = policy_.buffer.session;
  settings.descriptor_limit = descriptor_limit_ - descriptor_limit_ / replica_reserve_share;
  settings.tolerate = policy_.divergence.tolerate;
  settings.detach_on_overflow = policy_.replica.on_overflow == policy::OnOverflow::detach;
  settings.detach_on_divergence = policy_.replica.on_divergence == policy::OnDivergence::detach;
  return settings;
}

Result<Instance::ListeningPort> Instance::open_port(const policy::Duplicate& duplicate) {
  Result<Fd> fd = net::listen_on(duplicate.listen);
  if (!fd)
    return fd.error();
  copy_mode(duplicate.listen, duplicate.production);
  ListeningPort port;
  port.fd = std::move(fd.value());
  port.mode = duplicate.mode;
  port.port = std::make_unique<duplicator::Port>(
      next_port_++, duplicate.listen, duplicate.production, duplicate.mode != Mode::passthrough,
      duplicate.mode == Mode::synchronous, policy_.instance.workers);
  return port;
}

Instance::ListeningPort* Instance::find_port(const policy::Duplicate& duplicate) {
  for (const auto& port : ports_) {
    if (!port->retired && port->port->listen == duplicate.listen)
      return port.get();
  }
  return nullptr;
}

void Instance::serve(ListeningPort& port) {
  for (const auto& worker : workers_)
    worker->listen(port.port.get(), port.fd.get());
}

void Instance::retire(ListeningPort& port) {
  for (const auto& worker : workers_)
    worker->stop_listening(port.port.get());
  port.retired = true;
}

Result<void> Instance::change_to(const policy::Policy& policy) {
  if (const std::string fixed = fixed_change(policy_, policy); !fixed.empty())
    return Error{fmt::format("{} cannot change while the instance runs: restart it", fixed)};
  Result<divergence::Masks> masks = divergence::Masks::compile(policy.divergence.mask);
  if (!masks)
    return masks.error();

  // Whatever can fail comes first; until all of it has succeeded nothing is changed.
  std::vector<std::unique_ptr<ListeningPort>> added;
  for (const policy::Duplicate& duplicate : policy.duplicates) {
    if (find_port(duplicate) != nullptr)
      continue;
    Result<ListeningPort> port = open_port(duplicate);
    if (!port) {
      for (const auto& opened : added) {
        if (opened->port->listen.is_unix())
          ::unlink(opened->port->listen.unix_path().c_str());
      }
      return port.error();
    }
    added.push_back(std::make_unique<ListeningPort>(std::move(port.value())));
  }

  policy_ = policy;
  replicas_->run_and_wait([&] { replicas_->change(std::move(masks.value()), replica_settings()); });
  for (const auto& port : ports_) {
    if (port->retired)
      continue;
    const auto still = std::find_if(
        policy.duplicates.begin(), policy.duplicates.end(),
        [&port](const policy::Duplicate& d) { return d.listen == port->port->listen; });
    if (still == policy.duplicates.end()) {
      retire(*port);
      if (port->port->listen.is_unix())
        ::unlink(port->port->listen.unix_path().c_str());
      port->fd.reset();
    } else if (!(still->production == port->port->production) || still->mode != port->mode) {
      // The same socket goes on under another port: no client finds it closed in between.
      ListeningPort changed;
      changed.fd = std::move(port->fd);
      changed.mode = still->mode;
      changed.port = std::make_unique<duplicator::Port>(
          next_port_++, still->listen, still->production, still->mode != Mode::passthrough,
          still->mode == Mode::synchronous, policy_.instance.workers);
      retire(*port);
      added.push_back(std::make_unique<ListeningPort>(std::move(changed)));
    }
  }
  const std::size_t before = ports_.size();
  for (auto& port : added)
    ports_.push_back(std::move(port));

  replicas_->run_and_wait([&] {
    std::vector<duplicator::Replica*> unwanted;
    for (const auto& replica : replicas_->replicas()) {
      if (replica->attached)
        unwanted.push_back(replica.get());
    }
    for (const policy::Duplicate& duplicate : policy.duplicates) {
      duplicator::Port& port = *find_port(duplicate)->port;
      for (const net::Address& address : duplicate.replicas) {
        const auto fed = std::find_if(unwanted.begin(), unwanted.end(), [&](const auto* replica) {
          return &replica->port == &port && replica->address == address;
        });
        if (fed == unwanted.end())
          replicas_->attach(port, address);
        else
          unwanted.erase(fed);
      }
    }
    for (duplicator::Replica* replica : unwanted)
      replicas_->detach(*replica, "the policy does not name it any more");
  });
  for (std::size_t i = before; i < ports_.size(); ++i)
    serve(*ports_[i]);
  return {};
}

void Instance::drain() {
  if (draining_)
    return;
  draining_ = true;
  for (const auto& port : ports_) {
    if (port->retired)
      continue;
    retire(*port);
    if (port->port->listen.is_unix())
      ::unlink(port->port->listen.unix_path().c_str());
    port->fd.reset();
  }
}

std::uint64_t Instance::open_sessions() const {
  std::uint64_t open = 0;
  for (const auto& worker : workers_)
    open += worker->sessions();
  return open;
}

bool Instance::all_delivered() {
  bool all = true;
  replicas_->run_and_wait([&] {
    for (const auto& replica : replicas_->replicas())
      all = all && (!replica->attached || replicas_->totals(*replica).pending == 0);
  });
  return all;
}

void Instance::stop() {
  drain();
  for (const auto& worker : workers_)
    worker->close_sessions(nullptr);
  for (const auto& worker : workers_)
    worker->stop();
  for (const auto& worker : workers_)
    worker->join();
  if (!replicas_)
    return;
  // A moment for the replicas to take what they are still due; nobody waits for them longer.
  const std::int64_t until = now_ms() + delivery_patience_ms;
  while (now_ms() < until && !all_delivered())
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  replicas_->stop();
  workers_.clear();  // not before: the replica thread posts into their mailboxes
}

namespace {

/// "unix:/run/x.sock" and "[::1]:80" in the one spelling that the project prints.
Result<net::Address> normal(std::string_view text) {
  return net::Address::parse(text);
}

}  // namespace

Result<void> Instance::attach(std::string_view replica, std::string_view listen) {
  Result<net::Address> address = normal(replica);
  if (!address)
    return address.error();
  ListeningPort* chosen = nullptr;
  for (const auto& port : ports_) {
    if (port->retired || (!listen.empty() && port->port->listen.text() != listen))
      continue;
    if (chosen != nullptr)
      return Error{"the instance has several ports: say at which one (--listen ADDRESS)"};
    chosen = port.get();
  }
  if (chosen == nullptr)
    return Error{fmt::format("no port listens on '{}'", listen)};
  if (!chosen->port->copied)
    return Error{fmt::format("{} is in passthrough mode: nothing is copied there",
                             chosen->port->listen.text())};
  if (*address == chosen->port->listen || *address == chosen->port->production)
    return Error{fmt::format("{} is not a replica: it is the port itself or its production",
                             address->text())};
  bool known = false;
  replicas_->run_and_wait([&] {
    for (const auto& fed : replicas_->replicas())
      known =
          known || (fed->attached && &fed->port == chosen->port.get() && fed->address == *address);
    if (!known)
      replicas_->attach(*chosen->port, *address);
  });
  if (known)
    return Error{fmt::format("{} is attached already", address->text())};
  return {};
}

Result<void> Instance::detach(std::string_view replica, std::string_view listen) {
  Result<net::Address> address = normal(replica);
  if (!address)
    return address.error();
  int detached = 0;
  replicas_->run_and_wait([&] {
    for (const auto& fed : replicas_->replicas()) {
      if (!fed->attached || !(fed->address == *address))
        continue;
      if (!listen.empty() && fed->port.listen.text() != listen)
        continue;
      replicas_->detach(*fed, "asked for");
      ++detached;
    }
  });
  if (detached == 0)
    return Error{fmt::format("no attached replica has the address '{}'", replica)};
  return {};
}

}  // namespace parikshan::instance
