#include "control/daemon.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>

#include "base/clock.h"
#include "base/log.h"

namespace parikshan::control {
namespace {

constexpr int drain_poll_ms = 20;

sigset_t taken_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    ::sigaddset(&set, signal);
  return set;
}

}  // namespace

void Daemon::block_signals() {
  const sigset_t set = taken_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT: never fails for SIGPIPE
}

Result<void> Daemon::open(const std::string& socket) {
  const sigset_t set = taken_signals();
  signals_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals_)
    return errno_error("take signals");
  clock_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  const itimerspec every_second{{1, 0}, {1, 0}};
  if (!clock_ || ::timerfd_settime(clock_.get(), 0, &every_second, nullptr) != 0)
    return errno_error("make the clock of the control thread");
  server_ = std::make_unique<Server>(*this);
  return server_->listen(socket, "parikshan");
}

Result<void> Daemon::run() {
  ::sd_notify(0, "READY=1");
  tell_manager();
  std::int64_t drain_until = 0;
  while (true) {
    pollfd watched[] = {
        {signals_.get(), POLLIN, 0}, {clock_.get(), POLLIN, 0}, {server_->epoll_fd(), POLLIN, 0}};
    const int ready = ::poll(watched, 3, stopping_ ? drain_poll_ms : -1);
    if (ready < 0 && errno != EINTR)
      return errno_error("wait on the control thread");
    if (watched[0].revents != 0)
      on_signal();
    if (watched[1].revents != 0)
      tick();
    if (watched[2].revents != 0)
      server_->dispatch();
    if (!stopping_)
      continue;
    if (drain_until == 0) {
      ::sd_notify(0, "STOPPING=1\nSTATUS=draining");
      instance_.drain();
      drain_until = now_ms() + instance_.drain_timeout().count() / 1'000'000;
      log::notice("stopping: {} open sessions drain for up to {}", instance_.open_sessions(),
                  format_duration(instance_.drain_timeout()));
    }
    if (hurry_ || instance_.open_sessions() == 0 || now_ms() >= drain_until)
      break;
  }
  if (const auto open = instance_.open_sessions(); open > 0)
    log::notice("{} sessions are still open and are closed now", open);
  server_.reset();
  return {};
}

void Daemon::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo != SIGHUP) {
      hurry_ = stopping_;
      stopping_ = true;
    } else if (!stopping_) {
      ::sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now_ns() / 1000).c_str());
      if (Result<void> changed = reload(); !changed)
        log::error("reload refused, the policy that was in force stays:\n{}",
                   changed.error().text());
      else
        log::notice("the policy was read again and is in force");
      ::sd_notify(0, "READY=1");
    }
  }
}

Result<void> Daemon::reload() {
  const policy::Loaded loaded = load_();
  if (!loaded.policy)
    return Error{config::format_diagnostics(loaded.diagnostics)};
  return instance_.change_to(*loaded.policy);
}

void Daemon::tick() {
  std::uint64_t expirations = 0;
  [[maybe_unused]] const auto got = ::read(clock_.get(), &expirations, sizeof expirations);
  instance_.tick(now_ms());
  tell_manager();
}

void Daemon::tell_manager() {
  static const bool managed = std::getenv("NOTIFY_SOCKET") != nullptr;
  if (!managed)
    return;
  ::sd_notify(0, "WATCHDOG=1");
  const instance::InstanceSnapshot now = status();
  std::string says = fmt::format("{}, {} sessions open{}", instance::to_string(now.state),
                                 instance_.open_sessions(), now.accepting ? "" : ", not accepting");
  if (says == said_)
    return;
  said_ = std::move(says);
  ::sd_notify(0, ("STATUS=" + said_).c_str());
}

instance::InstanceSnapshot Daemon::status() {
  instance::InstanceSnapshot snapshot = instance_.status();
  snapshot.policy_source = policy_source_;
  return snapshot;
}

}  // namespace parikshan::control
