#pragma once

#include <functional>
#include <mutex>
#include <vector>

namespace parikshan {

/// Work for a thread that waits on an event descriptor: changes of configuration, and questions.
/// Its lock is held for a push or a swap, never while a command runs.
class CommandQueue {
 public:
  /// `event_fd` wakes the thread; it outlives the queue.
  explicit CommandQueue(int event_fd) : event_fd_(event_fd) {}

  /// Any thread: `command` runs when the thread next comes round.
  void post(std::function<void()> command);
  /// Any other thread: returns when `command` has run.
  void run_and_wait(const std::function<void()>& command);
  /// The thread itself: runs what was posted, in order.
  void run_all();

 private:
  const int event_fd_;
  std::mutex mutex_;
  std::vector<std::function<void()>> commands_;
};

}  // namespace parikshan
