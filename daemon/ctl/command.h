#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "ctl/command_line.h"

namespace parikshan::ctl {

/// How parikshanctl ends; see parikshanctl(1).
enum Exit {
  exit_ok = 0,
  exit_failed = 1,
  exit_usage = 2,
  exit_not_running = 3,
  exit_denied = 4,
  exit_not_in_sync = 5,
  exit_policy_invalid = 78,  // EX_CONFIG of sysexits.h
};

/// What a command has to say: `output` for stdout, `error` for stderr (no newline at its end; empty
/// when there is none).
struct Answer {
  int code = exit_ok;
  std::string output = {};
  std::string error = {};
};

struct Command {
  std::string_view name;
  std::string_view arguments;  ///< as in the synopsis: "[NAME]"
  std::string_view summary;
  std::size_t most_arguments;
  Answer (*run)(const CommandLine&);
};
const std::vector<Command>& commands();

/// Runs the command that `arguments` (without the program's name) ask for.
Answer run(const std::vector<std::string>& arguments);

/// The failure of asking an instance, with what to do about it.
Answer failure(const Error& error);
Answer usage(std::string message);

Answer run_list(const CommandLine& line);
Answer run_status(const CommandLine& line);
Answer run_ledger(const CommandLine& line);
Answer run_diff(const CommandLine& line);
Answer run_window(const CommandLine& line);
Answer run_cat_config(const CommandLine& line);
Answer run_metrics(const CommandLine& line);
Answer run_top(const CommandLine& line);
Answer run_detach(const CommandLine& line);
Answer run_attach_replica(const CommandLine& line);
Answer run_reload(const CommandLine& line);

}  // namespace parikshan::ctl
