// parikshand: one instance, from its policy to its end. The passes below run in this order, and
// each leaves true what the next one needs.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "base/footprint.h"
#include "base/log.h"
#include "control/daemon.h"
#include "control/runtime_directory.h"
#include "instance/instance.h"
#include "policy/load.h"

namespace parikshan {
namespace {

constexpr int exit_usage = 2;
constexpr int exit_config = 78;  // sysexits.h: EX_CONFIG; systemd does not restart after it

struct Options {
  std::string name;     // of a policy in the configured folders
  std::string file;     // --foreground FILE
  std::string runtime;  // folder of control sockets
};

constexpr const char* usage =
    "usage: parikshand NAME\n"
    "       parikshand --foreground FILE\n";

/// The options, or the exit status.
std::optional<Options> parse_options(int argc, char** argv, int& status) {
  namespace po = boost::program_options;
  Options options;
  po::options_description named("options");
  named.add_options()("foreground", po::value(&options.file)->value_name("FILE"),
                      "serve the policy in FILE; its name is that of the file")(
      "runtime-directory", po::value(&options.runtime)->value_name("DIR"),
      "where the control socket is made (DIR/NAME/control)")(
      "debug", "log what is of interest to developers")("version", "print the version")(
      "help", "print this");
  po::options_description all;
  all.add(named).add_options()("name", po::value(&options.name));
  po::positional_options_description positions;
  positions.add("name", 1);
  status = exit_usage;
  try {
    po::variables_map values;
    po::store(po::command_line_parser(argc, argv).options(all).positional(positions).run(), values);
    po::notify(values);
    if (values.count("help") != 0 || values.count("version") != 0) {
      if (values.count("help") != 0)
        fmt::print("{}", usage + fmt::format("\n{}", fmt::streamed(named)));
      else
        fmt::print("parikshand {}\n", PARIKSHAN_VERSION);
      status = 0;
      return std::nullopt;
    }
    if (values.count("debug") != 0)
      log::set_level(log::Level::debug);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "parikshand: {}\n{}", problem.what(), usage);
    return std::nullopt;
  }
  if (options.name.empty() == options.file.empty()) {
    fmt::print(stderr, "parikshand: name one policy, or one file with --foreground\n{}", usage);
    return std::nullopt;
  }
  if (options.runtime.empty())
    options.runtime = control::runtime_directory();
  return options;
}

int run(int argc, char** argv) {
  // The command line names one policy.
  int status = 0;
  const std::optional<Options> options = parse_options(argc, argv, status);
  if (!options)
    return status;

  // The policy is whole and valid, or nothing is started.
  const auto load = [options = *options] {
    return options.file.empty() ? policy::load_name(options.name, config::Roots::system())
                                : policy::load_file(options.file);
  };
  const policy::Loaded loaded = load();
  if (!loaded.policy) {
    fmt::print(stderr, "{}", config::format_diagnostics(loaded.diagnostics));
    return exit_config;
  }
  const policy::Policy& policy = *loaded.policy;

  // Threads inherit blocked signals: only the control loop takes them.
  control::Daemon::block_signals();

  // Everything the instance needs exists; nobody is served yet.
  auto instance = instance::Instance::create(policy);
  if (!instance) {
    log::error("{}: {}", policy.name, instance.error().text());
    return 1;
  }

  // The instance can be asked and told.
  control::Daemon daemon(**instance, loaded.sources.empty() ? "" : loaded.sources.front(), load);
  const std::string socket = control::socket_path(options->runtime, policy.name);
  if (Result<void> opened = daemon.open(socket); !opened) {
    log::error("{}: {}", policy.name, opened.error().text());
    return 1;
  }

  // Clients are served.
  if (Result<void> started = (*instance)->start(); !started) {
    log::error("{}: {}", policy.name, started.error().text());
    return 1;
  }
  for (const policy::Duplicate& duplicate : policy.duplicates)
    log::info("{}: {} -> {}, {} replicas", policy.name, duplicate.listen.text(),
              duplicate.production.text(), duplicate.replicas.size());
  drop_startup_pages();
  log::notice("{}: ready: control socket {}", policy.name, socket);

  // Until it is asked to stop; then open sessions have drained or were closed.
  const Result<void> ran = daemon.run();
  (*instance)->stop();
  if (!ran) {
    log::error("{}: {}", policy.name, ran.error().text());
    return 1;
  }
  log::notice("{}: stopped", policy.name);
  return 0;
}

}  // namespace
}  // namespace parikshan

int main(int argc, char** argv) {
  try {
    return parikshan::run(argc, argv);
  } catch (const std::exception& problem) {
    fmt::print(stderr, "parikshand: {}\n", problem.what());
    return 1;
  }
}
