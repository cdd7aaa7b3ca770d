#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"
#include "config/search.h"
#include "config/value.h"
#include "policy/policy.h"

namespace parikshan::policy {

/// What came of loading a policy: the policy, or every error there is in its files, sorted by
/// position. Self-contained: nothing of it refers to the disk any more.
struct Loaded {
  std::optional<Policy> policy;  ///< present exactly when `diagnostics` is empty
  config::Diagnostics diagnostics;
  std::vector<std::string> sources;  ///< the files, in the order in which they were merged
  config::Value merged;              ///< of the files that could be parsed
};

/// The policy NAME of the folders, with its drop-ins. As root, files and folders that others can
/// write are errors.
Loaded load_name(std::string_view name, const config::Roots& roots);

/// The policy in the file at `path`, with the drop-ins in PATH.d; its name is that of the file
/// without ".toml". As root, files and folders that others can write are errors.
Loaded load_file(const std::string& path);

/// The policy in `text`, as load_file would find it at `path`; reads no file and no drop-ins.
Loaded load_text(std::string_view path, std::string_view text);

/// The merged policy as TOML: its sources in comments, then each key with "# from FILE:LINE".
std::string cat_config(const Loaded& loaded);

using config::list_names;

}  // namespace parikshan::policy
