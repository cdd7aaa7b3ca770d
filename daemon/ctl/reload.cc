#include <fmt/format.h>

#include "ctl/command.h"
#include "ctl/escape.h"
#include "ctl/running.h"

namespace parikshan::ctl {

Answer run_reload(const CommandLine& line) {
  auto reply = ask(line, name_of(line), "Reload");
  if (!reply)
    return failure(reply.error());
  if (line.json)
    return {exit_ok, json_line(*reply), {}};
  return {exit_ok, "The policy was read again.\n", {}};
}

}  // namespace parikshan::ctl
