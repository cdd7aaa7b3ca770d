#include <fmt/format.h>

#include "base/quantity.h"
#include "control/snapshot_json.h"
#include "ctl/command.h"
#include "ctl/escape.h"
#include "ctl/figure.h"
#include "ctl/render.h"
#include "ctl/running.h"
#include "ctl/table.h"

namespace parikshan::ctl {
namespace {

using instance::InstanceSnapshot;
using instance::SyncState;

std::string ports_text(const InstanceSnapshot& status) {
  Table table({{"PORT"},
               {"PRODUCTION"},
               {"MODE"},
               {"OPEN", true},
               {"SESSIONS", true},
               {"NOT COPIED", true},
               {"FAILED", true},
               {"FROM CLIENTS", true},
               {"TO CLIENTS", true}});
  for (const auto& port : status.ports)
    table.add({port.listen, port.production, port.mode, std::to_string(port.sessions_open),
               std::to_string(port.sessions_total), std::to_string(port.sessions_not_copied),
               std::to_string(port.connect_failures), format_size(port.client_to_production),
               format_size(port.production_to_client)});
  return table.text();
}

std::string replicas_text(const InstanceSnapshot& status) {
  if (status.replicas.empty())
    return "No replica.\n";
  Table table({{"REPLICA"},
               {"PORT"},
               {"STATE"},
               {"FED"},
               {"OPEN", true},
               {"SESSIONS", true},
               {"DUE", true},
               {"DELIVERED", true},
               {"PENDING", true},
               {"LOST", true},
               {"COMPARED", true}});
  std::string reasons;
  for (const auto& replica : status.replicas) {
    table.add(
        {replica.address, replica.listen, std::string(instance::to_string(replica.state)),
         replica.attached ? "yes" : "no", std::to_string(replica.sessions_open),
         std::to_string(replica.sessions), format_size(replica.due), format_size(replica.delivered),
         format_size(replica.pending), format_size(replica.lost),
         fmt::format("{} of {}", format_size(replica.compared), format_size(replica.produced))});
    if (replica.state != SyncState::in_sync || !replica.reason.empty())
      reasons += fmt::format("{}: {}: {} ({} diverged, {} lost)\n", printable(replica.address),
                             instance::to_string(replica.state), printable(replica.reason),
                             plural(replica.sessions_diverged, "session"), replica.sessions_lost);
  }
  return table.text() + reasons;
}

std::string buffer_text(const instance::BufferSnapshot& buffer) {
  std::string text =
      fmt::format("Buffer: {} of {} memory ({} resident, {})", format_size(buffer.memory_used),
                  format_size(buffer.memory_quota), format_size(buffer.memory_resident),
                  plural(buffer.chunks_used, "chunk"));
  if (buffer.spill_quota == 0)
    text += ", no spill";
  else
    text += fmt::format(", {} of {} spilled", format_size(buffer.spill_used),
                        format_size(buffer.spill_quota));
  if (!buffer.spill_problem.empty())
    text += fmt::format("\nSpilling is off: {}", printable(buffer.spill_problem));
  return text + '\n';
}

}  // namespace

std::string render_status(const InstanceSnapshot& status) {
  std::string text =
      fmt::format("{}: {}", printable(status.name), instance::to_string(status.state));
  if (!status.reason.empty())
    text += fmt::format(": {}", printable(status.reason));
  text += '\n';
  if (status.draining)
    text += "Stopping: open sessions may end, new ones are not accepted.\n";
  if (!status.accepting)
    text += fmt::format("Not accepting: {}\n", printable(status.not_accepting_why));
  text += fmt::format("Up {}, pid {}, policy {}\n", seconds_text(status.uptime), status.pid,
                      status.policy_source.empty() ? "-" : printable(status.policy_source));
  text += fmt::format("Now {} from clients, {} to clients\n\n", byte_rate(status.arrival_rate),
                      byte_rate(status.answer_rate));
  text += ports_text(status) + '\n' + replicas_text(status) + '\n' + buffer_text(status.buffer);
  text += fmt::format("Descriptors: {} of {}\n", status.descriptors_used, status.descriptors_limit);
  return text;
}

Answer run_status(const CommandLine& line) {
  auto reply = ask(line, name_of(line), "Status");
  if (!reply)
    return failure(reply.error());
  auto status = control::from_json<InstanceSnapshot>(*reply);
  if (!status)
    return failure(status.error());
  Answer answer{exit_ok, line.json ? json_line(*reply) : render_status(*status), {}};
  if (line.check && status->state != SyncState::in_sync)
    answer.code = exit_not_in_sync;
  return answer;
}

}  // namespace parikshan::ctl
