#include "ctl/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <exception>
#include <map>

#include "control/runtime_directory.h"
#include "ctl/escape.h"

namespace parikshan::ctl {
namespace {

namespace po = boost::program_options;

Result<std::uint64_t> count_of(std::string_view name, const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size())
    return Error{fmt::format("--{}: '{}' is no count", name, printable(text))};
  return number;
}

/// The options that were given, by name; flags have no value.
struct Parsed {
  std::map<std::string, std::string> given;
  std::vector<std::string> positional;
};

Result<Parsed> parse(const std::vector<std::string>& arguments) {
  try {
    po::options_description description;
    for (const Option& option : options()) {
      const std::string name = option.name == "help" ? "help,h" : std::string(option.name);
      if (option.argument.empty())
        description.add_options()(name.c_str(), "");
      else
        description.add_options()(name.c_str(), po::value<std::string>(), "");
    }
    description.add_options()("positional", po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add("positional", -1);
    namespace style = po::command_line_style;
    const auto parsed = po::command_line_parser(arguments)
                            .options(description)
                            .positional(positional)
                            .style(style::unix_style & ~style::allow_guessing)
                            .run();
    po::variables_map values;
    po::store(parsed, values);
    Parsed result;
    for (const Option& option : options()) {
      const auto found = values.find(std::string(option.name));
      if (found == values.end())
        continue;
      result.given[std::string(option.name)] =
          option.argument.empty() ? "" : found->second.as<std::string>();
    }
    if (const auto found = values.find("positional"); found != values.end())
      result.positional = found->second.as<std::vector<std::string>>();
    return result;
  } catch (const std::exception& problem) {
    return Error{printable(problem.what())};
  }
}

}  // namespace

const std::vector<Option>& options() {
  static const std::vector<Option> all{
      {"json", "", "print the reply as JSON", {}},
      {"runtime-directory", "DIR", "where instances keep their sockets", {}},
      {"config-root", "DIR", "look for policies below DIR instead of /", {}},
      {"help", "", "print this and leave", {}},
      {"version", "", "print the version and leave", {}},
      {"check", "", "leave with 5 unless the replicas are in-sync", {"status"}},
      {"limit", "N", "at most N sessions; 0: all that are kept", {"ledger"}},
      {"arrival", "RATE", "plan: messages from clients, as 17/s", {"window"}},
      {"service", "RATE", "plan: messages production can serve, as 27/s", {"window"}},
      {"slowdown", "FACTOR", "plan: how many times slower the replica is, as 3.2", {"window"}},
      {"buffer", "SIZE", "plan: the quota, memory and spill, as 16KiB", {"window"}},
      {"message", "SIZE", "plan: mean size of a message, 1KiB when not given", {"window"}},
      {"iterations", "N", "leave after N views", {"top"}},
      {"period", "TIME", "time between two views, 1s when not given", {"top"}},
      {"listen", "ADDRESS", "the duplicated port", {"detach", "attach-replica"}},
  };
  return all;
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  auto parsed = parse(arguments);
  if (!parsed)
    return parsed.error();
  const auto& given = parsed->given;
  const auto& positional = parsed->positional;

  CommandLine line;
  if (!positional.empty()) {
    line.command = positional.front();
    line.arguments.assign(positional.begin() + 1, positional.end());
  }
  for (const Option& option : options()) {
    if (!given.contains(std::string(option.name)) || option.commands.empty())
      continue;
    if (!line.command.empty() &&
        std::ranges::find(option.commands, line.command) == option.commands.end())
      return Error{fmt::format("--{} is no option of '{}'", option.name, printable(line.command))};
  }

  const auto text = [&](const char* name) -> std::optional<std::string> {
    const auto found = given.find(name);
    return found == given.end() ? std::nullopt : std::optional(found->second);
  };
  line.json = given.contains("json");
  line.help = given.contains("help");
  line.version = given.contains("version");
  line.check = given.contains("check");
  line.runtime_directory = text("runtime-directory").value_or(control::runtime_directory());
  line.config_root = text("config-root");
  line.listen = text("listen");
  line.arrival = text("arrival");
  line.service = text("service");
  line.slowdown = text("slowdown");
  line.buffer = text("buffer");
  line.message = text("message");
  line.period = text("period");
  for (const auto& [name, target] :
       {std::pair{"limit", &line.limit}, std::pair{"iterations", &line.iterations}}) {
    const auto value = text(name);
    if (!value)
      continue;
    auto count = count_of(name, *value);
    if (!count)
      return count.error();
    *target = *count;
  }
  return line;
}

}  // namespace parikshan::ctl
