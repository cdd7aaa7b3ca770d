#include <fmt/format.h>

#include <algorithm>

#include "ctl/command.h"
#include "ctl/escape.h"
#include "ctl/running.h"

namespace parikshan::ctl {

Answer run_reload(const CommandLine& line) {
  auto reply = ask(line, name_of(line), "Reload");
  if (!reply) {
    // The errors of a policy come as lines with carets, which have to stay lines.
    const std::string& message = reply.error().message;
    if (message.find(": error: ") == std::string::npos)
      return failure(reply.error());
    std::string text = "the policy that was in force stays:";
    for (std::size_t at = 0; at < message.size();) {
      const std::size_t end = std::min(message.find('\n', at), message.size());
      text += "\n" + printable(message.substr(at, end - at));
      at = end + 1;
    }
    return {exit_policy_invalid, {}, std::move(text)};
  }
  if (line.json)
    return {exit_ok, json_line(*reply), {}};
  return {exit_ok, "The policy was read again.\n", {}};
}

}  // namespace parikshan::ctl
