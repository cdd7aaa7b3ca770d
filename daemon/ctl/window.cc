#include <fmt/format.h>

#include <charconv>

#include "base/quantity.h"
#include "control/snapshot_json.h"
#include "ctl/command.h"
#include "ctl/escape.h"
#include "ctl/figure.h"
#include "ctl/render.h"
#include "ctl/running.h"
#include "ctl/table.h"

namespace parikshan::ctl {
namespace {

using instance::WindowSnapshot;

Result<double> factor_of(const std::string& text) {
  double number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size())
    return Error{fmt::format("--slowdown: '{}' is no factor, such as 3.2", printable(text))};
  return number;
}

bool asks_for_plan(const CommandLine& line) {
  return line.arrival || line.service || line.slowdown || line.buffer || line.message;
}

Result<window::PlanInput> plan_input(const CommandLine& line) {
  if (!line.arguments.empty())
    return Error{"a plan is made without an instance: leave out NAME"};
  if (!line.arrival || !line.service || !line.slowdown || !line.buffer)
    return Error{"a plan needs --arrival, --service, --slowdown and --buffer"};
  const auto named = [](const char* option, const Error& error) {
    return Error{fmt::format("--{}: {}", option, printable(error.text()))};
  };
  window::PlanInput input;
  auto arrival = parse_rate(*line.arrival);
  if (!arrival)
    return named("arrival", arrival.error());
  auto service = parse_rate(*line.service);
  if (!service)
    return named("service", service.error());
  auto slowdown = factor_of(*line.slowdown);
  if (!slowdown)
    return slowdown.error();
  auto buffer = parse_size(*line.buffer);
  if (!buffer)
    return named("buffer", buffer.error());
  input.arrival = *arrival;
  input.service = *service;
  input.slowdown = *slowdown;
  input.buffer = *buffer;
  if (line.message) {
    auto message = parse_size(*line.message);
    if (!message)
      return named("message", message.error());
    input.message = *message;
  }
  return input;
}

Answer run_plan(const CommandLine& line) {
  auto input = plan_input(line);
  if (!input)
    return usage(input.error().text());
  auto plan = window::plan(*input);
  if (!plan)
    return usage(printable(plan.error().text()));
  if (!line.json)
    return {exit_ok, render_plan(*input, *plan), {}};
  boost::json::object object{
      {"unbounded", plan->unbounded}, {"utilisation", plan->utilisation}, {"places", plan->places}};
  // JSON has no infinity.
  if (plan->unbounded)
    object["seconds"] = nullptr;
  else
    object["seconds"] = plan->seconds;
  return {exit_ok, json_line(object), {}};
}

}  // namespace

std::string render_windows(const std::vector<WindowSnapshot>& windows) {
  if (windows.empty())
    return "No attached replica, so no debug window ('parikshanctl status' shows why).\n";
  Table table({{"REPLICA"},
               {"PORT"},
               {"ARRIVAL", true},
               {"DRAIN", true},
               {"MESSAGE", true},
               {"WAITING", true},
               {"ROOM", true},
               {"KEEPS UP"},
               {"OVERFLOW EXPECTED"}});
  for (const WindowSnapshot& window : windows)
    table.add({window.replica, window.listen, byte_rate(window.arrival), byte_rate(window.drain),
               format_size(static_cast<std::uint64_t>(
                   window.message >= 0 && window.message < 1e18 ? window.message : 0)),
               format_size(window.pending), format_size(window.room),
               window.keeps_up ? "yes" : "no",
               window.unbounded ? "never"
                                : fmt::format("in {}", seconds_text(window.seconds_to_overflow))});
  return table.text();
}

std::string render_plan(const window::PlanInput& input, const window::Plan& plan) {
  std::string text = fmt::format(
      "Clients send {}, production can serve {}, a replica that is {:.4g} times slower {}.\n"
      "The replica is used to {:.1f} % of what it can do.\n"
      "A buffer of {} holds {} of {}.\n",
      event_rate(input.arrival), event_rate(input.service), input.slowdown,
      event_rate(input.service / input.slowdown), plan.utilisation * 100, format_size(input.buffer),
      plural(plan.places, "message"), format_size(input.message));
  if (plan.unbounded)
    text += "Debug window: unbounded, no overflow is expected.\n";
  else
    text += fmt::format("Debug window: {} expected until overflow.\n", seconds_text(plan.seconds));
  return text;
}

Answer run_window(const CommandLine& line) {
  if (asks_for_plan(line))
    return run_plan(line);
  auto reply = ask(line, name_of(line), "Window");
  if (!reply)
    return failure(reply.error());
  if (line.json)
    return {exit_ok, json_line(*reply), {}};
  auto windows = control::list_from_json<WindowSnapshot>(*reply, "windows");
  if (!windows)
    return failure(windows.error());
  return {exit_ok, render_windows(*windows), {}};
}

}  // namespace parikshan::ctl
