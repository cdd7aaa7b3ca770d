#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stream/spill.h"
#include "stream/stream_log.h"

namespace parikshan::stream {

/// What one stream log still holds for its readers: a run of extents, each in memory, on disk, or
/// on its way between the two. Readers keep their own cursors (offsets); the owner releases what
/// lies before the slowest.
///
/// Thread: the replica thread. Memory keeps the oldest bytes and the disk gets the newest, so that
/// a reader meets both in order.
class Retention {
 public:
  /// `spill` may be nullptr: memory only. The log must outlive the retention.
  Retention(StreamLog& log, Spill* spill) : log_(log), spill_(spill) {}
  ~Retention();
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  /// Takes in what the writer appended since the last call.
  void refresh();
  /// The bytes held are those from begin() to end().
  [[nodiscard]] std::uint64_t begin() const { return begin_; }
  [[nodiscard]] std::uint64_t end() const { return end_; }

  enum class Outcome {
    bytes,    ///< `filled` parts were set
    nothing,  ///< the offset is the end
    loading,  ///< the bytes at the offset are being read from disk; ask again after collect()
    lost,     ///< the disk could not give them back
  };
  /// Views of the bytes from `offset` on, valid until the next call of a member. An offset before
  /// begin() is the caller's mistake.
  Outcome view(std::uint64_t offset, std::span<iovec> parts, std::size_t& filled);

  /// No reader needs a byte before `offset`.
  void release(std::uint64_t offset);

  /// Moves the newest bytes to disk until at most `quota` bytes of memory are held. False when
  /// they do not fit: a reader must be cut off. Bytes that are on their way count as fitting.
  bool fit(std::uint64_t quota);

  /// Bytes of chunks held in memory, those on their way to or from the disk included.
  [[nodiscard]] std::uint64_t resident() const { return resident_; }
  [[nodiscard]] std::uint64_t on_disk() const { return on_disk_; }

  /// Why nothing can be moved to disk now; empty when it can, or there is none.
  [[nodiscard]] std::string disk_problem() const;

  /// Of Spill: a job of this log is done.
  void moved(const Spill::Job& job);

 private:
  enum class Where : std::uint8_t { memory, writing, disk, reading, lost };
  struct Extent {
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
    ChunkId chunk = no_chunk;
    union {
      Spill::Job* job = nullptr;  // writing, reading
      std::uint64_t slot;         // disk
    };
    Where where = Where::memory;
  };

  [[nodiscard]] bool empty() const { return head_ == extents_.size(); }
  Extent* find(std::uint64_t offset);
  void load(Extent* from);
  void drop(Extent& extent);
  void add(ChunkId chunk);

  StreamLog& log_;
  Spill* spill_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::vector<Extent> extents_;
  std::size_t head_ = 0;  // extents before it are gone
  std::uint64_t resident_ = 0;
  std::uint64_t on_disk_ = 0;
};

}  // namespace parikshan::stream
