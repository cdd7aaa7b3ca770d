#include "base/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace parikshan {

Result<Fd> make_event_fd() {
  Fd event(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!event)
    return errno_error("make an event descriptor");
  return event;
}

void ring_event_fd(int fd) {
  // Fails only when the counter is at its end, and then the taker is being woken anyway.
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

void drain_event_fd(int fd) {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(fd, &count, sizeof count);
}

}  // namespace parikshan
