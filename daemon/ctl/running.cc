#include "ctl/running.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "config/search.h"
#include "control/runtime_directory.h"

namespace parikshan::ctl {

Result<std::vector<std::string>> sockets_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code problem;
  std::filesystem::directory_iterator entry(directory, problem);
  if (problem == std::errc::no_such_file_or_directory)
    return names;
  for (; !problem && entry != std::filesystem::directory_iterator(); entry.increment(problem)) {
    const std::string name = entry->path().filename().string();
    struct stat status {};
    const int looked = ::stat(control::socket_path(directory, name).c_str(), &status);
    // A folder that may not be looked into is most likely an instance of somebody else.
    const bool hidden = looked != 0 && errno == EACCES;
    if (hidden || (looked == 0 && S_ISSOCK(status.st_mode)))
      names.push_back(name);
  }
  if (problem)
    return Error{fmt::format("read the folder {}", directory), problem.value()};
  std::ranges::sort(names);
  return names;
}

Result<control::Client> reach(const CommandLine& line, std::string_view name) {
  if (!name.empty()) {
    if (auto why = config::invalid_instance_name(name))
      return Error{fmt::format("'{}' cannot name an instance: {}", name, *why)};
    return control::Client::connect(control::socket_path(line.runtime_directory, name), patience);
  }
  auto names = sockets_in(line.runtime_directory);
  if (!names)
    return names.error();
  std::optional<control::Client> only;
  std::vector<std::string> running;
  std::optional<Error> denied;
  for (const std::string& one : *names) {
    auto client =
        control::Client::connect(control::socket_path(line.runtime_directory, one), patience);
    if (client) {
      running.push_back(one);
      only = std::move(*client);
    } else if (client.error().errnum == EACCES) {
      denied = client.error();
    }
  }
  if (running.size() > 1)
    return Error{fmt::format("several instances run ({}): name one", fmt::join(running, ", "))};
  if (only)
    return std::move(*only);
  if (denied)
    return *denied;
  return Error{fmt::format("no instance runs in {}", line.runtime_directory), ENOENT};
}

Result<boost::json::object> ask(const CommandLine& line, std::string_view name,
                                std::string_view method, const boost::json::object& parameters) {
  auto client = reach(line, name);
  if (!client)
    return client.error();
  return client->call(method, parameters, patience);
}

std::string name_of(const CommandLine& line) {
  return line.arguments.empty() ? std::string() : line.arguments.front();
}

std::string json_line(const boost::json::object& object) {
  return boost::json::serialize(object) + '\n';
}

}  // namespace parikshan::ctl
