#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "stream/chunk_pool.h"

namespace parikshan::stream {

/// How a direction of a session ended.
enum class End : std::uint8_t { open, fin, reset };

/// One direction of one session, as its writer sees it: bytes appended once, in order. What was
/// appended and is still needed is held by the Retention of the same log, on the replica thread.
///
/// Threads: append() and finish() are for the one production thread of the session; they take no
/// lock, make no system call and wait for nobody. The rest is for the replica thread.
///
/// Full: when the pool has no chunk left, the log is broken at that byte: it keeps what it has and
/// appends nothing more, while `due` goes on counting what was missed.
class StreamLog {
 public:
  /// Room is made in small chunks for the first few after each pause, then in large ones.
  /// `small_only` is for quotas so small that a large chunk would be most of them.
  StreamLog(ChunkPool& pool, bool small_only) : pool_(pool), small_only_(small_only) {}
  StreamLog(const StreamLog&) = delete;
  StreamLog& operator=(const StreamLog&) = delete;

  // --- the production thread ---------------------------------------------------------------
  void append(const std::byte* bytes, std::size_t length);
  void finish(End end) { ended_.store(end, std::memory_order_seq_cst); }
  [[nodiscard]] std::uint64_t written() const { return written_; }
  /// Nobody wants what is appended.
  [[nodiscard]] bool discarding() const { return discard_.load(std::memory_order_relaxed); }

  // --- the replica thread ------------------------------------------------------------------
  /// Bytes production moved in this direction: what a replica is due. Always at least end().
  [[nodiscard]] std::uint64_t due() const { return due_.load(std::memory_order_acquire); }
  /// Offset behind the last byte in the log.
  [[nodiscard]] std::uint64_t end() const {
    return end_.load(std::memory_order_seq_cst) & offset_mask;
  }
  [[nodiscard]] End ended() const { return ended_.load(std::memory_order_seq_cst); }
  /// The pool ran dry at end(): no later byte is in the log.
  [[nodiscard]] bool broken() const { return broken_.load(std::memory_order_acquire); }
  /// How many times bytes were appended: about the number of messages.
  [[nodiscard]] std::uint64_t appends() const { return appends_.load(std::memory_order_relaxed); }
  /// No reader is left: from now on bytes are counted and not kept.
  void discard() { discard_.store(true, std::memory_order_release); }
  /// Takes the last chunk away from a log that was read to `offset`, its end. False when bytes
  /// came meanwhile or the writer is at work. After true the writer begins a new chunk, which
  /// first() names as soon as end() has moved.
  bool seal(std::uint64_t offset);
  /// The chunk that the log goes on with after it was sealed.
  [[nodiscard]] ChunkId first() const { return first_.load(std::memory_order_acquire); }
  [[nodiscard]] ChunkPool& pool() const { return pool_; }

  // --- synchronous mode --------------------------------------------------------------------
  /// The slowest replica has taken the bytes before `offset`. Set by the replica thread.
  void pace(std::uint64_t offset) { paced_.store(offset, std::memory_order_seq_cst); }
  [[nodiscard]] std::uint64_t paced() const { return paced_.load(std::memory_order_seq_cst); }

 private:
  static constexpr std::uint64_t sealed = std::uint64_t{1} << 63;
  static constexpr std::uint64_t writing = std::uint64_t{1} << 62;
  static constexpr std::uint64_t offset_mask = writing - 1;

  ChunkId take(std::size_t length);

  ChunkPool& pool_;
  const bool small_only_;
  std::atomic<bool> broken_{false};
  std::atomic<bool> discard_{false};
  std::atomic<End> ended_{End::open};
  std::atomic<ChunkId> first_{no_chunk};
  /// Offset of the end, with two flags. `writing` keeps the last chunk from being taken away
  /// under the writer; `sealed` tells the writer that it was taken.
  std::atomic<std::uint64_t> end_{sealed};
  std::atomic<std::uint64_t> due_{0};
  std::atomic<std::uint64_t> appends_{0};
  std::atomic<std::uint64_t> paced_{0};

  // The writer's own.
  std::uint64_t written_ = 0;
  ChunkId tail_ = no_chunk;
  std::uint32_t tail_used_ = 0;
  std::uint32_t taken_since_seal_ = 0;
};

}  // namespace parikshan::stream
