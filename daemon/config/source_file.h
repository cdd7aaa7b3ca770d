#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace parikshan::config {

/// Larger files are refused unread. Bytes.
constexpr std::size_t largest_source = 1 << 20;

/// The text of one policy file. Immutable, shared by every location that points into it, so that
/// a message can still quote its line after a reload; safe to share between threads.
class SourceFile {
 public:
  SourceFile(std::string path, std::string text);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string_view text() const { return text_; }
  /// Line `number`, from 1, without its line end; empty when there is no such line.
  [[nodiscard]] std::string_view line(unsigned number) const;

 private:
  std::string path_;
  std::string text_;
  std::vector<std::size_t> line_starts_;
};

using SourcePointer = std::shared_ptr<const SourceFile>;

/// Who may have written what is read.
enum class Trust {
  anybody,   ///< no question asked
  root_only  ///< owned by root and writable by nobody else, or refused
};

/// root_only for a process with root's powers: whoever writes its policy has them too.
Trust trust_of_process();

/// Why `status` is not root's alone ("is owned by user 1000 …"); nullopt when it is. A sticky
/// folder passes although others write to it: they cannot replace root's files there.
std::optional<std::string> writable_by_others(const struct stat& status);

/// Reads a regular file. Never blocks on a FIFO or a device. Errors: cannot be opened or read, not
/// a regular file, larger than `largest_source`, writable by others under Trust::root_only. The
/// message does not repeat the path.
Result<SourcePointer> read_source(const std::string& path, Trust trust);

}  // namespace parikshan::config
