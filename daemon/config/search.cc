#include "config/search.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <set>

namespace parikshan::config {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view suffix = ".toml";
constexpr std::size_t longest_name = 200;

void report(Diagnostics& diagnostics, const std::string& path, std::string message,
            std::string hint = "") {
  diagnostics.push_back({whole_file(path), std::move(message), std::move(hint)});
}

bool exists(const std::string& path) {
  struct stat status {};
  // A dangling link is there too: reading it then says what is wrong with it.
  return ::lstat(path.c_str(), &status) == 0;
}

bool is_mask(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISCHR(status.st_mode) &&
         status.st_rdev == makedev(1, 3);
}

/// File names NAME.toml of a folder, with no dot in front. A folder that is not there has none.
std::vector<std::string> names_in(const std::string& directory, Diagnostics& diagnostics) {
  std::vector<std::string> names;
  std::error_code problem;
  fs::directory_iterator entry(directory, problem);
  while (!problem && entry != fs::directory_iterator()) {
    std::string name = entry->path().filename().string();
    if (name.size() > suffix.size() && name.ends_with(suffix) && !name.starts_with('.'))
      names.push_back(std::move(name));
    entry.increment(problem);
  }
  if (problem && problem != std::errc::no_such_file_or_directory)
    report(diagnostics, directory, "cannot be listed: " + problem.message());
  return names;
}

void check_trust(const std::string& directory, Trust trust, Diagnostics& diagnostics) {
  struct stat status {};
  if (trust == Trust::anybody || ::stat(directory.c_str(), &status) != 0)
    return;
  if (auto why = writable_by_others(status))
    report(diagnostics, directory, *why);
}

/// Drop-ins of `folders`, highest priority first, in the order of their file names.
std::vector<std::string> find_drop_ins(const std::vector<std::string>& folders, Trust trust,
                                       Diagnostics& diagnostics) {
  std::map<std::string, std::string> by_name;
  for (const std::string& folder : folders) {
    check_trust(folder, trust, diagnostics);
    for (const std::string& name : names_in(folder, diagnostics))
      by_name.try_emplace(name, (fs::path(folder) / name).string());
  }
  std::vector<std::string> files;
  for (const auto& [name, path] : by_name)
    if (!is_mask(path))
      files.push_back(path);
  return files;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words)
    out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

Roots Roots::system() {
  return Roots{{"/etc/parikshan.d", "/run/parikshan.d", "/usr/lib/parikshan.d"}};
}

std::optional<std::string> invalid_instance_name(std::string_view name) {
  if (name.empty())
    return "it is empty";
  if (name.size() > longest_name)
    return fmt::format("it is longer than {} bytes", longest_name);
  if (name.starts_with('.'))
    return "it begins with a dot";
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(":-_.\\").find(c) != std::string_view::npos;
  };
  if (!std::all_of(name.begin(), name.end(), allowed))
    return "only ASCII letters, digits and \":-_.\\\" can be part of a unit's name";
  return std::nullopt;
}

std::string instance_name_of(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  if (name.ends_with(suffix))
    name.remove_suffix(suffix.size());
  return std::string(name);
}

std::vector<std::string> find_policy(std::string_view name, const Roots& roots, Trust trust,
                                     Diagnostics& diagnostics) {
  const std::string file = std::string(name) + std::string(suffix);
  if (auto why = invalid_instance_name(name)) {
    report(diagnostics, file, fmt::format("'{}' cannot name an instance: {}", name, *why));
    return {};
  }
  std::string policy;
  std::vector<std::string> folders;
  for (const std::string& root : roots.directories) {
    check_trust(root, trust, diagnostics);
    const std::string candidate = (fs::path(root) / file).string();
    if (policy.empty() && exists(candidate))
      policy = candidate;
    folders.push_back(candidate + ".d");
  }
  if (policy.empty()) {
    report(diagnostics, file, "no such policy in " + joined(roots.directories));
    return {};
  }
  if (is_mask(policy)) {
    report(diagnostics, policy, "this policy is masked (a link to /dev/null)",
           "remove the link to use the policy of that name again");
    return {};
  }
  std::vector<std::string> files = find_drop_ins(folders, trust, diagnostics);
  files.insert(files.begin(), policy);
  return files;
}

std::vector<std::string> find_policy_file(const std::string& path, Trust trust,
                                          Diagnostics& diagnostics) {
  const std::string name = instance_name_of(path);
  if (auto why = invalid_instance_name(name)) {
    report(diagnostics, path, fmt::format("'{}' cannot name an instance: {}", name, *why));
    return {};
  }
  const std::string folder = fs::path(path).parent_path().string();
  check_trust(folder.empty() ? "." : folder, trust, diagnostics);
  std::vector<std::string> files = find_drop_ins({path + ".d"}, trust, diagnostics);
  files.insert(files.begin(), path);
  return files;
}

std::vector<std::string> list_names(const Roots& roots) {
  std::set<std::string> seen;
  std::vector<std::string> names;
  Diagnostics ignored;
  for (const std::string& root : roots.directories) {
    for (const std::string& file : names_in(root, ignored)) {
      const std::string name = instance_name_of(file);
      if (!seen.insert(name).second || invalid_instance_name(name))
        continue;
      if (!is_mask((fs::path(root) / file).string()))
        names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace parikshan::config
