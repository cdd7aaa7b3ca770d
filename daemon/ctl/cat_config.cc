#include "ctl/command.h"
#include "ctl/policy_roots.h"
#include "ctl/running.h"
#include "policy/load.h"

namespace parikshan::ctl {

Answer run_cat_config(const CommandLine& line) {
  const std::string name = name_of(line);
  if (name.empty())
    return usage("cat-config needs the NAME of a policy");
  // A foreground instance's policy is a file of its own.
  const bool is_file = name.find('/') != std::string::npos || name.ends_with(".toml");
  const policy::Loaded loaded =
      is_file ? policy::load_file(name) : policy::load_name(name, policy_roots(line));
  if (!loaded.policy) {
    std::string errors = config::format_diagnostics(loaded.diagnostics);
    while (errors.ends_with('\n'))
      errors.pop_back();
    return {exit_policy_invalid, {}, std::move(errors)};
  }
  std::string text = policy::cat_config(loaded);
  if (!line.json)
    return {exit_ok, std::move(text), {}};
  boost::json::object object{{"name", name}, {"text", text}};
  auto& sources = object["sources"].emplace_array();
  for (const std::string& source : loaded.sources)
    sources.emplace_back(source);
  return {exit_ok, json_line(object), {}};
}

}  // namespace parikshan::ctl
