#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "control/client.h"
#include "ctl/command_line.h"

namespace parikshan::ctl {

/// How long an instance has for one answer.
inline constexpr std::chrono::milliseconds patience{5000};

/// Names below the runtime directory that have a control socket, sorted, whether somebody listens
/// or not. Errors: a folder that cannot be read; a missing one is empty.
Result<std::vector<std::string>> sockets_in(const std::string& directory);

/// Connects to the instance called `name`; to the only one that runs when `name` is empty.
/// Errors: those of Client::connect, a name that is none, none or several running (EINVAL).
Result<control::Client> reach(const CommandLine& line, std::string_view name);

/// reach() and one call: what most commands are. `name` as above.
Result<boost::json::object> ask(const CommandLine& line, std::string_view name,
                                std::string_view method,
                                const boost::json::object& parameters = {});

/// The command's [NAME]: its first argument, or nothing.
std::string name_of(const CommandLine& line);

/// One line of JSON for --json.
std::string json_line(const boost::json::object& object);

}  // namespace parikshan::ctl
