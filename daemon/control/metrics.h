#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "instance/snapshot.h"

namespace parikshan::control {

/// An instance as OpenMetrics 1.0 text, `# EOF` included: names `parikshan_*`, base units as
/// suffixes (bytes, seconds), counters with `_total`, labels `instance`, `port`, `replica`.
std::string open_metrics(const instance::InstanceSnapshot& status,
                         const std::vector<instance::WindowSnapshot>& windows);

/// `text` as it may stand between the quotes of a label: backslash, quote and line feed escaped.
std::string escape_label(std::string_view text);

}  // namespace parikshan::control
