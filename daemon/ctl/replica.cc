#include <fmt/format.h>

#include "control/snapshot_json.h"
#include "ctl/command.h"
#include "ctl/escape.h"
#include "ctl/running.h"

namespace parikshan::ctl {
namespace {

/// Calls `method` for the replica that the arguments name: "REPLICA" or "NAME REPLICA".
Answer change(const CommandLine& line, std::string_view method, std::string_view done) {
  if (line.arguments.empty())
    return usage(fmt::format("{} needs the address of a replica", line.command));
  const std::string name = line.arguments.size() > 1 ? line.arguments.front() : "";
  const std::string& replica = line.arguments.back();
  boost::json::object parameters{{"replica", control::valid_utf8(replica)}};
  if (line.listen)
    parameters.emplace("listen", control::valid_utf8(*line.listen));
  auto reply = ask(line, name, method, parameters);
  if (!reply)
    return failure(reply.error());
  if (line.json)
    return {exit_ok, json_line(*reply), {}};
  return {exit_ok, fmt::format("{} {}\n", printable(replica), done), {}};
}

}  // namespace

Answer run_detach(const CommandLine& line) {
  return change(line, "Detach", "is fed no more");
}

Answer run_attach_replica(const CommandLine& line) {
  return change(line, "Attach", "is fed with the sessions opened from now on");
}

}  // namespace parikshan::ctl
