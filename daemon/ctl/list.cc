#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <map>

#include "control/runtime_directory.h"
#include "control/snapshot_json.h"
#include "ctl/command.h"
#include "ctl/policy_roots.h"
#include "ctl/render.h"
#include "ctl/running.h"
#include "ctl/table.h"
#include "policy/load.h"

namespace parikshan::ctl {
namespace {

void inspect(const std::string& directory, Listed& listed) {
  const auto client_error = [&](const Error& error) {
    listed.running = error.errnum == EACCES || error.errnum == ETIMEDOUT;
    listed.state = error.errnum == EACCES      ? "not allowed to ask"
                   : error.errnum == ETIMEDOUT ? "does not answer"
                                               : "";
  };
  auto client = control::Client::connect(control::socket_path(directory, listed.name), patience);
  if (!client)
    return client_error(client.error());
  auto reply = client->call("Status", {}, patience);
  if (!reply)
    return client_error(reply.error());
  auto status = control::from_json<instance::InstanceSnapshot>(*reply);
  listed.running = true;
  if (!status) {
    listed.state = status.error().text();
    return;
  }
  listed.state = instance::to_string(status->state);
  listed.pid = status->pid;
  listed.policy_source = status->policy_source;
  for (const auto& port : status->ports)
    listed.sessions += port.sessions_open;
}

}  // namespace

std::string render_list(const std::vector<Listed>& instances) {
  if (instances.empty())
    return "No instance runs, and there is no policy. See parikshan.toml(5) for a first one.\n";
  Table table({{"NAME"}, {"RUNNING"}, {"STATE"}, {"SESSIONS", true}, {"PID", true}, {"POLICY"}});
  for (const Listed& one : instances) {
    const bool known = one.pid != 0;
    table.add({one.name, one.running ? "yes" : "no", one.state.empty() ? "-" : one.state,
               known ? std::to_string(one.sessions) : "-", known ? std::to_string(one.pid) : "-",
               !one.policy_source.empty() ? one.policy_source
               : one.has_policy           ? "found"
                                          : "-"});
  }
  return table.text();
}

Answer run_list(const CommandLine& line) {
  std::map<std::string, Listed> all;
  auto names = sockets_in(line.runtime_directory);
  if (!names)
    return failure(names.error());
  for (const std::string& name : *names) {
    Listed& listed = all[name];
    listed.name = name;
    inspect(line.runtime_directory, listed);
  }
  for (const std::string& name : policy::list_names(policy_roots(line))) {
    all[name].name = name;
    all[name].has_policy = true;
  }
  std::vector<Listed> instances;
  boost::json::array array;
  for (auto& [name, listed] : all) {
    // A dead socket with no policy is nothing that runs and nothing that could be started.
    if (!listed.running && !listed.has_policy)
      continue;
    array.push_back({{"name", control::valid_utf8(name)},
                     {"running", listed.running},
                     {"has_policy", listed.has_policy},
                     {"state", control::valid_utf8(listed.state)},
                     {"sessions_open", listed.sessions},
                     {"pid", listed.pid},
                     {"policy_source", control::valid_utf8(listed.policy_source)}});
    instances.push_back(std::move(listed));
  }
  if (line.json)
    return {exit_ok, json_line({{"instances", std::move(array)}}), {}};
  return {exit_ok, render_list(instances), {}};
}

}  // namespace parikshan::ctl
