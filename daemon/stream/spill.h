#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "stream/chunk_pool.h"

namespace parikshan::stream {

class Retention;

/// The disk behind the stream logs: one unlinked file of an instance, read and written by a thread
/// of its own, so that a disk that is slow, full or hung costs nobody but the logs that spilled.
///
/// Threads: every member is for the replica thread; the thread inside sees only jobs.
/// Full: start_write() answers nullptr beyond the quota, and for a second after the disk refused
/// a write (`problem()` says why).
class Spill {
 public:
  /// One move of a chunk's bytes. While it is under way it owns the chunk, and the slot as well.
  struct Job {
    enum class Kind : std::uint8_t { write, read, shrink };
    Kind kind = Kind::write;
    ChunkId chunk = no_chunk;
    std::uint32_t length = 0;
    std::uint64_t slot = 0;      ///< offset in the file
    std::uint64_t offset = 0;    ///< offset in the stream
    Retention* owner = nullptr;  ///< told when it is done; nullptr: nobody wants it any more
    int errnum = 0;
  };

  /// `directory` is made (0700) when it is missing; the file is made at the first write. `quota` in
  /// bytes. Errors: no thread, no event descriptor.
  static Result<std::unique_ptr<Spill>> create(std::string directory, std::uint64_t quota,
                                               ChunkPool& pool);
  ~Spill();
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;

  Job* start_write(ChunkId chunk, std::uint32_t length, std::uint64_t offset, Retention* owner);
  /// The slot is free again when the job is done, whether it could be read or not.
  Job* start_read(std::uint64_t slot, ChunkId chunk, std::uint32_t length, std::uint64_t offset,
                  Retention* owner);
  /// Nobody waits for the job any more: when done, its chunk and slot go back.
  static void abandon(Job* job) { job->owner = nullptr; }
  void free_slot(std::uint64_t slot, std::size_t room);

  /// Readable when jobs are done.
  [[nodiscard]] int done_fd() const;
  /// Tells the owners of the jobs that are done.
  void collect();

  [[nodiscard]] std::uint64_t quota() const { return quota_; }
  [[nodiscard]] std::uint64_t used() const { return used_; }
  /// Why the last write failed; empty when it did not.
  [[nodiscard]] std::string problem() const;

 private:
  struct Thread;
  Spill() = default;
  void submit(Job* job);

  ChunkPool* pool_ = nullptr;
  std::uint64_t quota_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t file_end_ = 0;
  std::vector<std::uint64_t> free_small_, free_large_;
  int refused_errnum_ = 0;
  std::int64_t refused_until_ms_ = 0;
  std::unique_ptr<Thread> thread_;
};

}  // namespace parikshan::stream
