#include <fmt/format.h>

#include <algorithm>

#include "control/snapshot_json.h"
#include "ctl/command.h"
#include "ctl/escape.h"
#include "ctl/figure.h"
#include "ctl/hexdump.h"
#include "ctl/render.h"
#include "ctl/running.h"

namespace parikshan::ctl {
namespace {

using instance::DifferenceSnapshot;

/// Where the kept bytes of a side begin: `before` of them stand in front of `offset`.
Side side_of(const std::string& bytes, std::uint64_t offset, std::uint64_t before) {
  return {bytes, offset - std::min(offset, before)};
}

std::string lines_of(char sign, std::string_view bytes) {
  if (bytes.empty())
    return fmt::format("{} (nothing)\n", sign);
  std::string text;
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto length = end == std::string_view::npos ? bytes.size() : end + 1;
    text += fmt::format("{} {}\n", sign, printable(bytes.substr(0, length)));
    bytes.remove_prefix(length);
  }
  return text;
}

std::string one_difference(const DifferenceSnapshot& difference) {
  const Side production =
      side_of(difference.production, difference.production_offset, difference.context_before);
  const Side replica =
      side_of(difference.replica_bytes, difference.replica_offset, difference.context_before);
  std::string text = fmt::format("Session {}: client {}, port {}, replica {}\n", difference.session,
                                 printable(difference.client), printable(difference.listen),
                                 printable(difference.replica));
  text += fmt::format("The answers differ from byte {} of production's, byte {} of the replica's",
                      difference.production_offset, difference.replica_offset);
  if (!difference.why.empty())
    text += fmt::format(": {}", printable(difference.why));
  text += fmt::format("\n\n- production, {} from offset {}\n",
                      plural(production.bytes.size(), "byte"), production.offset);
  text += fmt::format("+ replica, {} from offset {}\n\n", plural(replica.bytes.size(), "byte"),
                      replica.offset);
  text += lines_of('-', production.bytes) + lines_of('+', replica.bytes);
  return text + '\n' + hexdump(production, replica);
}

}  // namespace

std::string render_differences(const std::vector<DifferenceSnapshot>& differences, bool complete) {
  if (differences.empty())
    return "No difference was found.\n";
  std::string text;
  for (const DifferenceSnapshot& difference : differences) {
    if (!text.empty())
      text += '\n';
    text += one_difference(difference);
  }
  if (!complete)
    text += "\nMore differences are kept than fit one reply.\n";
  return text;
}

Answer run_diff(const CommandLine& line) {
  auto reply = ask(line, name_of(line), "Differences");
  if (!reply)
    return failure(reply.error());
  if (line.json)
    return {exit_ok, json_line(*reply), {}};
  auto differences = control::list_from_json<DifferenceSnapshot>(*reply, "differences");
  if (!differences)
    return failure(differences.error());
  const auto* complete = reply->if_contains("complete");
  const bool all = complete == nullptr || !complete->is_bool() || complete->get_bool();
  return {exit_ok, render_differences(*differences, all), {}};
}

}  // namespace parikshan::ctl
