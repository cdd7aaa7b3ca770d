#include "base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace parikshan::log {
namespace {

std::atomic<int> threshold{static_cast<int>(Level::info)};

bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0)
    return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

}  // namespace

void set_level(Level level) {
  threshold = static_cast<int>(level);
}

void line(Level level, std::string_view text) {
  if (static_cast<int>(level) > threshold.load(std::memory_order_relaxed))
    return;
  static const bool journal = stderr_is_journal();
  std::string out =
      journal ? fmt::format("<{}>{}\n", static_cast<int>(level), text) : fmt::format("{}\n", text);
  // A log that cannot be written must not stop the daemon; there is nowhere left to say so.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, out.data(), out.size());
}

}  // namespace parikshan::log
