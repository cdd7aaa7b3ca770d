#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace parikshan::log {

/// syslog(3) severities that the project uses.
enum class Level { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// Lines below this level are dropped. Set once, before threads start.
void set_level(Level level);

/// One line to stderr. With JOURNAL_STREAM naming stderr, or SD_LOG prefixes asked for, it is
/// prefixed "<N>" so that the journal keeps its severity. Thread-safe; never called per message
/// of a session.
void line(Level level, std::string_view text);

template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  line(Level::error, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  line(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void notice(fmt::format_string<Args...> format, Args&&... args) {
  line(Level::notice, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  line(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  line(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace parikshan::log
