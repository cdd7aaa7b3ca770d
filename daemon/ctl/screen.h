#pragma once

#include <termios.h>

#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace parikshan::ctl {

/// The terminal, taken over for a full-screen view and given back as it was by the destructor:
/// alternate screen, no cursor, keys unbuffered and not echoed. SIGINT, SIGTERM, SIGHUP, SIGQUIT
/// and SIGWINCH are blocked and read from signal_fd(), so that nothing ends the process with the
/// terminal in disorder. One at a time; main thread.
class Screen {
 public:
  /// Errors: stdin or stdout is no terminal, signals cannot be taken.
  static Result<Screen> enter();
  Screen(Screen&& other) noexcept;
  Screen& operator=(Screen&&) = delete;
  ~Screen();

  struct Size {
    std::size_t columns = 80;
    std::size_t rows = 24;
  };
  [[nodiscard]] Size size() const;

  /// Shows `text` from the upper left corner; the rest of the screen becomes empty. It has no more
  /// lines than the screen has rows.
  void show(std::string_view text);

  [[nodiscard]] int signal_fd() const { return signals_.get(); }
  /// Takes one signal: true when it asks to leave, false for a new size or none.
  bool leave_asked();
  /// Takes the keys that were pressed: true when one of them means leaving (q, Ctrl-D), or stdin
  /// ended.
  bool leave_key();

 private:
  Screen() = default;
  Fd signals_;
  termios before_{};
  sigset_t mask_before_{};
  bool active_ = false;
};

}  // namespace parikshan::ctl
