#pragma once

#include "config/search.h"
#include "ctl/command_line.h"

namespace parikshan::ctl {

/// The folders of policies: the system's, or the same ones below --config-root.
config::Roots policy_roots(const CommandLine& line);

}  // namespace parikshan::ctl
