#include "base/command_queue.h"

#include <condition_variable>
#include <memory>

#include "base/mailbox.h"

namespace parikshan {

void CommandQueue::post(std::function<void()> command) {
  {
    const std::lock_guard hold(mutex_);
    commands_.push_back(std::move(command));
  }
  ring_event_fd(event_fd_);
}

void CommandQueue::run_and_wait(const std::function<void()>& command) {
  struct Done {
    std::mutex mutex;
    std::condition_variable wake;
    bool ran = false;
  };
  const auto done = std::make_shared<Done>();
  post([&command, done] {
    command();
    // Under the lock: the caller's command must not be destroyed before this call returned.
    const std::lock_guard hold(done->mutex);
    done->ran = true;
    done->wake.notify_one();
  });
  std::unique_lock hold(done->mutex);
  done->wake.wait(hold, [&done] { return done->ran; });
}

void CommandQueue::run_all() {
  std::vector<std::function<void()>> commands;
  {
    const std::lock_guard hold(mutex_);
    commands.swap(commands_);
  }
  for (const auto& command : commands)
    command();
}

}  // namespace parikshan
