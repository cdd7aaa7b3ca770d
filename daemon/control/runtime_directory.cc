#include "control/runtime_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/fd.h"

namespace parikshan::control {
namespace {

Result<void> make_level(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
    return errno_error(fmt::format("make the folder {}", path));
  const Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder)
    return errno_error(fmt::format("open the folder {}", path));
  struct stat status {};
  if (::fstat(folder.get(), &status) != 0)
    return errno_error(fmt::format("look at the folder {}", path));
  if (status.st_uid != 0 && status.st_uid != ::geteuid())
    return Error{
        fmt::format("the folder {} belongs to user {}: remove it, or choose another with "
                    "--runtime-directory",
                    path, status.st_uid)};
  // A sticky folder (/tmp itself) is shared by design: nobody can replace what is ours in it.
  const bool shared = (status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0;
  if (shared)
    return Error{fmt::format("the folder {} can be written by everybody", path)};
  return {};
}

}  // namespace

std::string runtime_directory_for(unsigned uid, std::string_view xdg) {
  if (uid == 0)
    return "/run/parikshan";
  if (xdg.starts_with('/'))
    return fmt::format("{}/parikshan", xdg);
  return fmt::format("/tmp/parikshan-{}", uid);
}

std::string runtime_directory() {
  const char* xdg = std::getenv("XDG_RUNTIME_DIR");
  return runtime_directory_for(::geteuid(), xdg == nullptr ? "" : xdg);
}

std::string socket_path(std::string_view directory, std::string_view name) {
  return fmt::format("{}/{}/control", directory, name);
}

Result<void> make_socket_folder(const std::string& socket) {
  const std::filesystem::path folder = std::filesystem::path(socket).parent_path();
  const std::filesystem::path parent = folder.parent_path();
  if (!parent.empty() && parent != folder) {
    if (auto made = make_level(parent.string()); !made)
      return made;
  }
  if (folder.empty())
    return {};
  return make_level(folder.string());
}

}  // namespace parikshan::control
