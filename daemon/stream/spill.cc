// Bytes beyond the memory quota go to disk, and a disk can stall for seconds. The replica thread
// must go on feeding the other sessions meanwhile, so it only hands out jobs. io_uring would do
// the same without a thread but is switched off on many hardened hosts; the kernel's own
// asynchronous I/O blocks on a buffered file.
#include "stream/spill.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/clock.h"
#include "stream/retention.h"

namespace parikshan::stream {
namespace {

constexpr std::int64_t refusal_ms = 1000;

std::size_t room_for(std::size_t length) {
  return length <= small_chunk ? small_chunk : large_chunk;
}

int make_directories(const std::string& directory) {
  for (std::size_t at = 1; at != std::string::npos;) {
    at = directory.find('/', at + 1);
    if (::mkdir(directory.substr(0, at).c_str(), 0700) != 0 && errno != EEXIST)
      return errno;
  }
  return 0;
}

}  // namespace

struct Spill::Thread {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job*> todo;
  std::deque<Job*> done;
  bool stop = false;
  Fd done_event;
  std::string directory;
  std::thread thread;

  // The thread's own.
  ChunkPool* pool = nullptr;
  Fd file;

  void run() {
    ::pthread_setname_np(::pthread_self(), "spill");
    std::unique_lock hold(mutex);
    for (;;) {
      wake.wait(hold, [this] { return stop || !todo.empty(); });
      if (stop)
        return;
      Job* job = todo.front();
      todo.pop_front();
      hold.unlock();
      job->errnum = move_bytes(*job);
      hold.lock();
      done.push_back(job);
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = ::write(done_event.get(), &one, sizeof one);
    }
  }

  int open_file() {
    if (const int problem = make_directories(directory); problem != 0)
      return problem;
    file.reset(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (file)
      return 0;
    if (errno != EOPNOTSUPP && errno != EISDIR)
      return errno;
    std::string path = directory + "/spill.XXXXXX";  // a file system without O_TMPFILE
    file.reset(::mkostemp(path.data(), O_CLOEXEC));
    if (!file)
      return errno;
    return ::unlink(path.c_str()) == 0 ? 0 : errno;
  }

  int move_bytes(const Job& job) {
    if (!file) {
      if (const int problem = open_file(); problem != 0)
        return problem;
    }
    if (job.kind == Job::Kind::shrink)  // jobs run in order: no later write is hurt
      return ::ftruncate(file.get(), 0) == 0 ? 0 : errno;
    std::byte* bytes = pool->data(job.chunk);
    for (std::size_t moved = 0; moved < job.length;) {
      const auto at = static_cast<off_t>(job.slot + moved);
      const ssize_t n = job.kind == Job::Kind::write
                            ? ::pwrite(file.get(), bytes + moved, job.length - moved, at)
                            : ::pread(file.get(), bytes + moved, job.length - moved, at);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return errno;
      if (n == 0)
        return EIO;  // the file is shorter than what was written to it
      moved += static_cast<std::size_t>(n);
    }
    return 0;
  }
};

Result<std::unique_ptr<Spill>> Spill::create(std::string directory, std::uint64_t quota,
                                             ChunkPool& pool) {
  std::unique_ptr<Spill> spill(new Spill());
  spill->pool_ = &pool;
  spill->quota_ = quota;
  spill->thread_ = std::make_unique<Thread>();
  Thread& thread = *spill->thread_;
  thread.pool = &pool;
  thread.directory = std::move(directory);
  thread.done_event.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!thread.done_event)
    return errno_error("make the event of the spill thread");
  try {
    thread.thread = std::thread(&Thread::run, &thread);
  } catch (const std::system_error& problem) {
    return Error{"start the spill thread", problem.code().value()};
  }
  return spill;
}

Spill::~Spill() {
  if (!thread_)
    return;
  if (thread_->thread.joinable()) {
    {
      const std::lock_guard hold(thread_->mutex);
      thread_->stop = true;
    }
    thread_->wake.notify_one();
    thread_->thread.join();
  }
  for (Job* job : thread_->todo)
    delete job;
  for (Job* job : thread_->done)
    delete job;
}

void Spill::submit(Job* job) {
  {
    const std::lock_guard hold(thread_->mutex);
    thread_->todo.push_back(job);
  }
  thread_->wake.notify_one();
}

Spill::Job* Spill::start_write(ChunkId chunk, std::uint32_t length, std::uint64_t offset,
                               Retention* owner) {
  const std::size_t room = room_for(length);
  if (used_ + room > quota_ || now_ms() < refused_until_ms_)
    return nullptr;
  auto& free = room == small_chunk ? free_small_ : free_large_;
  std::uint64_t slot = file_end_;
  if (!free.empty()) {
    slot = free.back();
    free.pop_back();
  } else {
    if (file_end_ + room > quota_)
      return nullptr;  // free slots of the other size do not help
    file_end_ += room;
  }
  used_ += room;
  auto* job = new Job{Job::Kind::write, chunk, length, slot, offset, owner, 0};
  submit(job);
  return job;
}

Spill::Job* Spill::start_read(std::uint64_t slot, ChunkId chunk, std::uint32_t length,
                              std::uint64_t offset, Retention* owner) {
  auto* job = new Job{Job::Kind::read, chunk, length, slot, offset, owner, 0};
  submit(job);
  return job;
}

void Spill::free_slot(std::uint64_t slot, std::size_t length) {
  const std::size_t room = room_for(length);
  (room == small_chunk ? free_small_ : free_large_).push_back(slot);
  used_ -= room;
  if (used_ == 0) {
    // Nothing is on disk and no job is under way: the file starts anew, and so does its layout.
    free_small_.clear();
    free_large_.clear();
    file_end_ = 0;
    submit(new Job{Job::Kind::shrink, no_chunk, 0, 0, 0, nullptr, 0});
  }
}

int Spill::done_fd() const {
  return thread_->done_event.get();
}

void Spill::collect() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(thread_->done_event.get(), &count, sizeof count);
  std::deque<Job*> done;
  {
    const std::lock_guard hold(thread_->mutex);
    done.swap(thread_->done);
  }
  for (Job* pointer : done) {
    const std::unique_ptr<Job> job(pointer);
    if (job->kind == Job::Kind::shrink)
      continue;
    const bool is_write = job->kind == Job::Kind::write;
    if (is_write)
      refused_errnum_ = job->errnum;
    if (is_write && job->errnum != 0) {
      refused_until_ms_ = now_ms() + refusal_ms;
    }
    // After a write the bytes are where they should be, on disk or, if refused, still in the
    // chunk; after a read they are in the chunk, and the slot has served.
    const bool slot_is_free = !is_write || job->errnum != 0 || job->owner == nullptr;
    const bool chunk_is_free = job->owner == nullptr || (is_write == (job->errnum == 0));
    if (job->owner != nullptr)
      job->owner->moved(*job);
    if (slot_is_free)
      free_slot(job->slot, job->length);
    if (chunk_is_free)
      pool_->give(job->chunk);
  }
}

std::string Spill::problem() const {
  if (refused_errnum_ == 0)
    return {};
  return fmt::format("spill to {}: {}", thread_->directory,
                     std::generic_category().message(refused_errnum_));
}

}  // namespace parikshan::stream
