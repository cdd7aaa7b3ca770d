#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace parikshan::ctl {

/// What parikshanctl was asked.
struct CommandLine {
  bool json = false;
  bool help = false;
  bool version = false;
  bool check = false;
  std::string runtime_directory;
  std::optional<std::string> config_root;
  std::string command;
  std::vector<std::string> arguments;  ///< after the command

  std::optional<std::string> listen, arrival, service, slowdown, buffer, message, period;
  std::optional<std::uint64_t> limit, iterations;
};

/// An option, for the parser, the help and the tests of man page and completion.
struct Option {
  std::string_view name;      ///< without the dashes
  std::string_view argument;  ///< empty: a flag
  std::string_view summary;
  std::vector<std::string_view> commands;  ///< that take it; empty: all
};
const std::vector<Option>& options();

/// Options may stand anywhere; "--" ends them. `arguments` are those after the program's name.
/// Errors: an option that is unknown, lacks its value, has a bad one, or is not the command's.
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);

}  // namespace parikshan::ctl
