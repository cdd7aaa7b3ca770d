#include "ctl/screen.h"

#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

namespace parikshan::ctl {
namespace {

constexpr std::string_view enter_sequence = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view leave_sequence = "\x1b[?25h\x1b[?1049l";

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
    if (put > 0)
      text.remove_prefix(static_cast<std::size_t>(put));
    else if (errno != EINTR)
      return;  // a terminal that is gone shows nothing
  }
}

}  // namespace

Result<Screen> Screen::enter() {
  Screen screen;
  if (::isatty(STDOUT_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &screen.before_) != 0)
    return errno_error("use the terminal");
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH})
    sigaddset(&set, signal);
  screen.signals_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!screen.signals_)
    return errno_error("take the signals");
  if (::sigprocmask(SIG_BLOCK, &set, &screen.mask_before_) != 0)
    return errno_error("block the signals");
  termios raw = screen.before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  // Stopped by Ctrl-Z, the view would leave its screen to the shell.
  raw.c_cc[VSUSP] = _POSIX_VDISABLE;
  screen.active_ = true;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_all(enter_sequence);
  return screen;
}

Screen::Screen(Screen&& other) noexcept
    : signals_(std::move(other.signals_)),
      before_(other.before_),
      mask_before_(other.mask_before_),
      active_(std::exchange(other.active_, false)) {}

Screen::~Screen() {
  if (!active_)
    return;
  write_all(leave_sequence);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  // A signal that asked to leave has been taken; one that came since ends the process from here
  // on, with the terminal in order.
  ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

Screen::Size Screen::size() const {
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0)
    return {};
  return {window.ws_col, window.ws_row};
}

void Screen::show(std::string_view text) {
  std::string frame = "\x1b[H";
  while (!text.empty()) {
    const auto end = text.find('\n');
    frame += text.substr(0, end);
    frame += "\x1b[K";
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    // A line feed in the last row would scroll.
    if (!text.empty())
      frame += "\r\n";
  }
  frame += "\x1b[J";
  write_all(frame);
}

bool Screen::leave_asked() {
  signalfd_siginfo info{};
  if (::read(signals_.get(), &info, sizeof info) != sizeof info)
    return false;
  return info.ssi_signo != SIGWINCH;
}

bool Screen::leave_key() {
  std::array<char, 64> keys{};
  const ssize_t got = ::read(STDIN_FILENO, keys.data(), keys.size());
  if (got < 0)
    return errno != EINTR && errno != EAGAIN;
  for (ssize_t i = 0; i < got; ++i) {
    const char key = keys[static_cast<std::size_t>(i)];
    if (key == 'q' || key == 'Q' || key == '\x04')
      return true;
  }
  return false;
}

}  // namespace parikshan::ctl
