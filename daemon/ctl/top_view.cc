#include <fmt/format.h>

#include <algorithm>

#include "base/quantity.h"
#include "ctl/escape.h"
#include "ctl/figure.h"
#include "ctl/render.h"
#include "ctl/table.h"

namespace parikshan::ctl {
namespace {

using instance::PortSnapshot;
using instance::WindowSnapshot;

const PortSnapshot* port_of(const TopFrame* frame, const std::string& listen) {
  if (frame == nullptr)
    return nullptr;
  const auto& ports = frame->status.ports;
  const auto found = std::ranges::find(ports, listen, &PortSnapshot::listen);
  return found == ports.end() ? nullptr : &*found;
}

/// What a counter grew by in a second; 0 when there is no earlier view, or the instance began anew.
double rate(const TopFrame& frame, const TopFrame* previous, std::uint64_t now,
            std::uint64_t before) {
  const double seconds = previous == nullptr ? 0 : frame.status.uptime - previous->status.uptime;
  if (seconds <= 0 || now < before)
    return 0;
  return static_cast<double>(now - before) / seconds;
}

const WindowSnapshot* window_of(const TopFrame& frame, const instance::ReplicaSnapshot& replica) {
  for (const WindowSnapshot& window : frame.windows) {
    if (window.replica == replica.address &&
        (window.listen.empty() || window.listen == replica.listen))
      return &window;
  }
  return nullptr;
}

std::string lag_text(std::uint64_t pending, const WindowSnapshot* window) {
  std::string text = format_size(pending);
  if (window != nullptr && pending > 0 && window->drain > 0)
    text += fmt::format(" ({})", seconds_text(static_cast<double>(pending) / window->drain));
  return text;
}

std::string window_text(const WindowSnapshot* window) {
  if (window == nullptr)
    return "-";
  return window->unbounded ? "unbounded" : seconds_text(window->seconds_to_overflow);
}

std::string ports_text(const TopFrame& frame, const TopFrame* previous) {
  Table table({{"PORT"},
               {"MODE"},
               {"OPEN", true},
               {"NEW", true},
               {"FROM CLIENTS", true},
               {"TO CLIENTS", true},
               {"FAILED", true}});
  for (const PortSnapshot& port : frame.status.ports) {
    const PortSnapshot* before = port_of(previous, port.listen);
    const PortSnapshot& old = before == nullptr ? port : *before;
    table.add(
        {port.listen, port.mode, std::to_string(port.sessions_open),
         event_rate(rate(frame, previous, port.sessions_total, old.sessions_total)),
         byte_rate(rate(frame, previous, port.client_to_production, old.client_to_production)),
         byte_rate(rate(frame, previous, port.production_to_client, old.production_to_client)),
         std::to_string(port.connect_failures)});
  }
  return table.text();
}

std::string replicas_text(const TopFrame& frame) {
  Table table({{"REPLICA"},
               {"PORT"},
               {"STATE"},
               {"OPEN", true},
               {"ARRIVAL", true},
               {"DRAIN", true},
               {"LAG", true},
               {"WINDOW", true},
               {"LOST", true},
               {"REASON"}});
  for (const auto& replica : frame.status.replicas) {
    const WindowSnapshot* window = window_of(frame, replica);
    const std::string state = fmt::format("{}{}", instance::to_string(replica.state),
                                          replica.attached ? "" : ", detached");
    table.add({replica.address, replica.listen, state, std::to_string(replica.sessions_open),
               window == nullptr ? "-" : byte_rate(window->arrival),
               window == nullptr ? "-" : byte_rate(window->drain),
               lag_text(replica.pending, window), window_text(window), format_size(replica.lost),
               replica.reason});
  }
  return table.text();
}

}  // namespace

std::string render_top(const TopFrame& frame, const TopFrame* previous, std::size_t columns,
                       std::size_t rows) {
  const auto& status = frame.status;
  const auto& buffer = status.buffer;
  std::string text =
      fmt::format("{}: {}", printable(status.name), instance::to_string(status.state));
  if (!status.reason.empty())
    text += fmt::format(": {}", printable(status.reason));
  if (status.draining)
    text += " (stopping)";
  text += fmt::format(
      "\nup {}   {} in   {} out   buffer {} of {}   spill {} of {}   fds {} of {}\n",
      seconds_text(status.uptime), byte_rate(status.arrival_rate), byte_rate(status.answer_rate),
      format_size(buffer.memory_used), format_size(buffer.memory_quota),
      format_size(buffer.spill_used), format_size(buffer.spill_quota), status.descriptors_used,
      status.descriptors_limit);
  if (!status.accepting)
    text += fmt::format("not accepting: {}\n", printable(status.not_accepting_why));
  text += '\n' + ports_text(frame, previous) + '\n' + replicas_text(frame);
  text += "\nq leaves\n";

  std::string screen;
  std::string_view rest = text;
  for (std::size_t row = 0; row < rows && !rest.empty(); ++row) {
    const auto end = rest.find('\n');
    screen += clipped(rest.substr(0, end), columns) + '\n';
    rest.remove_prefix(end + 1);
  }
  return screen;
}

std::string render_top_line(const TopFrame& frame, const TopFrame* previous) {
  const auto& status = frame.status;
  std::uint64_t open = 0;
  double opened = 0;
  for (const PortSnapshot& port : status.ports) {
    const PortSnapshot* before = port_of(previous, port.listen);
    open += port.sessions_open;
    opened += rate(frame, previous, port.sessions_total,
                   before == nullptr ? port.sessions_total : before->sessions_total);
  }
  std::uint64_t pending = 0;
  for (const auto& replica : status.replicas)
    pending += replica.pending;
  const WindowSnapshot* tightest = nullptr;
  for (const WindowSnapshot& window : frame.windows) {
    const bool tighter = tightest == nullptr || tightest->unbounded ||
                         window.seconds_to_overflow < tightest->seconds_to_overflow;
    if (tightest == nullptr || (!window.unbounded && tighter))
      tightest = &window;
  }
  return fmt::format("{} {} sessions {} new {} in {} out {} lag {} window {}\n",
                     printable(status.name), instance::to_string(status.state), open,
                     event_rate(opened), byte_rate(status.arrival_rate),
                     byte_rate(status.answer_rate), format_size(pending), window_text(tightest));
}

}  // namespace parikshan::ctl
