// `top` is driven by the instance: one Watch call, and a reply for each period. Polling with a call
// for each view would put a connection, or a lost reply, between two views.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <optional>

#include "base/quantity.h"
#include "control/snapshot_json.h"
#include "ctl/command.h"
#include "ctl/escape.h"
#include "ctl/render.h"
#include "ctl/running.h"
#include "ctl/screen.h"

namespace parikshan::ctl {
namespace {

using std::chrono::milliseconds;

Result<TopFrame> frame_of(const boost::json::object& reply) {
  TopFrame frame;
  const auto* given = reply.if_contains("status");
  if (given == nullptr)
    return Error{"read the reply: it has no status"};
  auto status = control::from_json<instance::InstanceSnapshot>(*given);
  if (!status)
    return status.error();
  auto windows = control::list_from_json<instance::WindowSnapshot>(reply, "windows");
  if (!windows)
    return windows.error();
  frame.status = std::move(*status);
  frame.windows = std::move(*windows);
  return frame;
}

/// Lines of text, or of JSON, as long as the reader wants them.
Answer plain(control::Client& client, milliseconds limit, std::uint64_t iterations, bool json) {
  std::optional<TopFrame> previous;
  for (std::uint64_t shown = 0; iterations == 0 || shown < iterations; ++shown) {
    auto reply = client.next(limit);
    if (!reply)
      return failure(reply.error());
    if (!*reply)
      return failure(Error{"wait for the next view", ETIMEDOUT});
    std::string text;
    if (json) {
      text = json_line(**reply);
    } else {
      auto frame = frame_of(**reply);
      if (!frame)
        return failure(frame.error());
      text = render_top_line(*frame, previous ? &*previous : nullptr);
      previous = std::move(*frame);
    }
    if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
      return {};
  }
  return {};
}

Answer full_screen(control::Client& client, Screen& screen, milliseconds limit,
                   std::uint64_t iterations) {
  std::optional<TopFrame> previous;
  std::optional<TopFrame> current;
  const auto show = [&] {
    const Screen::Size size = screen.size();
    if (current)
      screen.show(render_top(*current, previous ? &*previous : nullptr, size.columns, size.rows));
  };
  std::uint64_t shown = 0;
  auto due = std::chrono::steady_clock::now() + limit;
  while (iterations == 0 || shown < iterations) {
    std::array<pollfd, 3> fds{
        {{STDIN_FILENO, POLLIN, 0}, {screen.signal_fd(), POLLIN, 0}, {client.fd(), POLLIN, 0}}};
    const auto left = std::chrono::ceil<milliseconds>(due - std::chrono::steady_clock::now());
    const int ready =
        ::poll(fds.data(), fds.size(), static_cast<int>(std::max<long>(left.count(), 0)));
    if (ready == 0)
      return failure(Error{"wait for the next view", ETIMEDOUT});
    if (fds[1].revents != 0) {
      if (screen.leave_asked())
        return {};
      show();
    }
    if (fds[0].revents != 0 && ((fds[0].revents & POLLIN) == 0 || screen.leave_key()))
      return {};
    if (fds[2].revents == 0)
      continue;
    for (;;) {
      auto reply = client.next(milliseconds(0));
      if (!reply)
        return failure(reply.error());
      if (!*reply)
        break;
      auto frame = frame_of(**reply);
      if (!frame)
        return failure(frame.error());
      if (current)
        previous = std::move(current);
      current = std::move(*frame);
      due = std::chrono::steady_clock::now() + limit;
      ++shown;
      show();
    }
  }
  return {};
}

}  // namespace

Answer run_top(const CommandLine& line) {
  milliseconds period(1000);
  if (line.period) {
    auto given = parse_duration(*line.period);
    if (!given)
      return usage("--period: " + printable(given.error().text()));
    period = std::chrono::duration_cast<milliseconds>(*given);
    if (period < milliseconds(50) || period > std::chrono::hours(1))
      return usage("--period: from 50ms to 1h");
  }
  const std::uint64_t iterations = line.iterations.value_or(0);
  auto client = reach(line, name_of(line));
  if (!client)
    return failure(client.error());
  if (auto begun = client->watch("Watch", {{"period_ms", period.count()}}, patience); !begun)
    return failure(begun.error());
  const milliseconds limit = period + patience;
  if (line.json || ::isatty(STDOUT_FILENO) == 0 || ::isatty(STDIN_FILENO) == 0)
    return plain(*client, limit, iterations, line.json);
  auto screen = Screen::enter();
  if (!screen)
    return plain(*client, limit, iterations, line.json);
  return full_screen(*client, *screen, limit, iterations);
}

}  // namespace parikshan::ctl
