#include "ctl/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "ctl/escape.h"

namespace parikshan::ctl {
namespace {

std::string help() {
  std::string text =
      "parikshanctl [OPTION]... COMMAND [NAME] [ARGUMENT]...\n"
      "Asks a running instance of parikshan. NAME may be left out when exactly one runs.\n\n"
      "Commands:\n";
  const auto row = [&](const std::string& left, std::string_view right) {
    fmt::format_to(std::back_inserter(text), "  {:<32}  {}\n", left, right);
  };
  for (const Command& command : commands())
    row(fmt::format("{} {}", command.name, command.arguments), command.summary);
  text += "\nOptions:\n";
  for (const Option& option : options()) {
    std::string summary(option.summary);
    if (!option.commands.empty())
      summary = fmt::format("{}: {}", fmt::join(option.commands, ", "), summary);
    row(fmt::format("--{}{}{}", option.name, option.argument.empty() ? "" : " ", option.argument),
        summary);
  }
  text += "\nSee parikshanctl(1).\n";
  return text;
}

int code_of(int errnum) {
  switch (errnum) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
    case ECONNRESET:
      return exit_not_running;
    case EACCES:
    case EPERM:
      return exit_denied;
    default:
      return exit_failed;
  }
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> all{
      {"list", "", "running instances, and policies", 0, run_list},
      {"status", "[NAME]", "state, ports, replicas, buffer", 1, run_status},
      {"ledger", "[NAME]", "sessions: bytes due, delivered, pending, lost", 1, run_ledger},
      {"diff", "[NAME]", "where the answers of the replicas differ", 1, run_diff},
      {"window", "[NAME]", "how long the replicas can go on", 1, run_window},
      {"cat-config", "NAME", "the merged policy with its sources", 1, run_cat_config},
      {"metrics", "[NAME]", "OpenMetrics text", 1, run_metrics},
      {"top", "[NAME]", "a live view", 1, run_top},
      {"detach", "[NAME] REPLICA", "stop feeding a replica", 2, run_detach},
      {"attach-replica", "[NAME] REPLICA", "feed a replica from now on", 2, run_attach_replica},
      {"reload", "[NAME]", "read the policy again", 1, run_reload},
  };
  return all;
}

Answer usage(std::string message) {
  return {exit_usage, {}, std::move(message) + "; see parikshanctl --help"};
}

Answer failure(const Error& error) {
  Answer answer{code_of(error.errnum), {}, printable(error.text())};
  if (answer.code == exit_not_running)
    answer.error +=
        " (is it running? 'parikshanctl list' shows what is; --runtime-directory names "
        "another folder)";
  if (answer.code == exit_denied)
    answer.error += " (ask as root, as the daemon's user, or as a member of the group parikshan)";
  if (error.errnum == ETIMEDOUT)
    answer.error += " (the instance does not answer; see its log)";
  return answer;
}

Answer run(const std::vector<std::string>& arguments) {
  auto line = parse_command_line(arguments);
  if (!line)
    return usage(line.error().text());
  if (line->help)
    return {exit_ok, help(), {}};
  if (line->version)
    return {exit_ok, fmt::format("parikshanctl {}\n", PARIKSHAN_VERSION), {}};
  if (line->command.empty())
    return usage("no command");
  const auto found = std::ranges::find(commands(), std::string_view(line->command), &Command::name);
  if (found == commands().end())
    return usage(fmt::format("'{}' is no command", printable(line->command)));
  if (line->arguments.size() > found->most_arguments)
    return usage(fmt::format("{} takes {}", found->name,
                             found->arguments.empty() ? "no argument" : found->arguments));
  return found->run(*line);
}

}  // namespace parikshan::ctl
