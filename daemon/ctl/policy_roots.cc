#include "ctl/policy_roots.h"

namespace parikshan::ctl {

config::Roots policy_roots(const CommandLine& line) {
  config::Roots roots = config::Roots::system();
  if (line.config_root) {
    for (std::string& directory : roots.directories)
      directory.insert(0, *line.config_root);
  }
  return roots;
}

}  // namespace parikshan::ctl
