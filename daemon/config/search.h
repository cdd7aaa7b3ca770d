#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.h"

namespace parikshan::config {

/// The folders of policies, highest priority first.
struct Roots {
  std::vector<std::string> directories;

  /// /etc, /run and /usr/lib, each with parikshan.d: systemd's order.
  static Roots system();
};

/// Why `name` cannot name an instance (the I of parikshan@I.service), or nullopt: ASCII letters,
/// digits and ":-_.\", 1 to 200 bytes, no dot in front (systemd.unit(5)).
std::optional<std::string> invalid_instance_name(std::string_view name);

/// "redis" for "/etc/parikshan.d/redis.toml": the file's name without ".toml".
std::string instance_name_of(std::string_view path);

/// The files of one policy in the order in which they are laid on each other: the policy itself,
/// then its drop-ins by file name. Empty when diagnostics say why.
///
/// NAME.toml is taken from the first folder that has one. Drop-ins (NAME.toml.d/*.toml) come from
/// all folders; of those with the same file name the one in the first folder counts. A symlink to
/// /dev/null masks what has its name in later folders. Under Trust::root_only a folder writable by
/// others is an error.
std::vector<std::string> find_policy(std::string_view name, const Roots& roots, Trust trust,
                                     Diagnostics& diagnostics);

/// The same for a policy given by path: its drop-ins are in PATH.d.
std::vector<std::string> find_policy_file(const std::string& path, Trust trust,
                                          Diagnostics& diagnostics);

/// Names of all policies that are not masked, sorted. Folders that cannot be read have none.
std::vector<std::string> list_names(const Roots& roots);

}  // namespace parikshan::config
