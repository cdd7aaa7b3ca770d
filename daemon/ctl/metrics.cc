#include <boost/json/value.hpp>

#include "ctl/command.h"
#include "ctl/running.h"

namespace parikshan::ctl {

Answer run_metrics(const CommandLine& line) {
  auto reply = ask(line, name_of(line), "Metrics");
  if (!reply)
    return failure(reply.error());
  if (line.json)
    return {exit_ok, json_line(*reply), {}};
  const auto* text = reply->if_contains("text");
  if (text == nullptr || !text->is_string())
    return {exit_failed, {}, "read the reply: it has no text"};
  // For a scraper, not for a terminal: as it came, except that nothing but lines gets through.
  std::string lines;
  for (const char c : text->get_string()) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 || c == '\n')
      lines += c;
  }
  return {exit_ok, std::move(lines), {}};
}

}  // namespace parikshan::ctl
