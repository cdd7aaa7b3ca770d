#include "config/source_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"

// What is checked is the open descriptor, not the path: between a stat(2) and an open(2) the file
// could become another one.

namespace parikshan::config {

SourceFile::SourceFile(std::string path, std::string text)
    : path_(std::move(path)), text_(std::move(text)), line_starts_{0} {
  for (std::size_t at = 0; at < text_.size(); ++at)
    if (text_[at] == '\n')
      line_starts_.push_back(at + 1);
}

std::string_view SourceFile::line(unsigned number) const {
  if (number == 0 || number > line_starts_.size())
    return {};
  const std::size_t start = line_starts_[number - 1];
  const std::size_t end = number < line_starts_.size() ? line_starts_[number] - 1 : text_.size();
  std::string_view line = std::string_view(text_).substr(start, end - start);
  if (line.ends_with('\r'))
    line.remove_suffix(1);
  return line;
}

Trust trust_of_process() {
  return ::geteuid() == 0 ? Trust::root_only : Trust::anybody;
}

std::optional<std::string> writable_by_others(const struct stat& status) {
  if (status.st_uid != 0)
    return fmt::format("is owned by user {}, not by root: root's policy must be root's alone",
                       status.st_uid);
  const bool sticky_folder = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky_folder)
    return fmt::format(
        "is writable by others than root (mode {:04o}): root's policy must be "
        "root's alone",
        status.st_mode & 07777);
  return std::nullopt;
}

Result<SourcePointer> read_source(const std::string& path, Trust trust) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd)
    return errno_error("cannot be opened");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0)
    return errno_error("cannot be examined");
  if (S_ISDIR(status.st_mode))
    return Error{"is a directory, not a file"};
  if (!S_ISREG(status.st_mode))
    return Error{"is not a regular file"};
  if (trust == Trust::root_only)
    if (auto why = writable_by_others(status))
      return Error{*why};

  const Error too_large{fmt::format("is larger than {} bytes", largest_source)};
  if (static_cast<std::size_t>(status.st_size) > largest_source)
    return too_large;
  std::string text;
  // The size is only a hint: files of /proc have none, and a file may grow while it is read.
  char block[16384];
  for (;;) {
    const ssize_t got = ::read(fd.get(), block, sizeof block);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return errno_error("cannot be read");
    if (got == 0)
      break;
    text.append(block, static_cast<std::size_t>(got));
    if (text.size() > largest_source)
      return too_large;
  }
  return SourcePointer(std::make_shared<const SourceFile>(path, std::move(text)));
}

}  // namespace parikshan::config
