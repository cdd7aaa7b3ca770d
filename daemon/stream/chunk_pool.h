#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace parikshan::stream {

/// Names a chunk of the pool. The top bit tells large from small, the rest is the index of its
/// first 4 KiB unit.
using ChunkId = std::uint32_t;

inline constexpr ChunkId no_chunk = 0xffffffffU;
inline constexpr ChunkId large_bit = 0x80000000U;
inline constexpr std::size_t small_chunk = std::size_t{4} << 10;
inline constexpr std::size_t large_chunk = std::size_t{128} << 10;
inline constexpr std::uint32_t units_per_block = large_chunk / small_chunk;

inline std::size_t capacity(ChunkId id) {
  return (id & large_bit) != 0 ? large_chunk : small_chunk;
}

/// The memory of an instance's stream logs: blocks of 128 KiB, handed out whole (large chunks) or
/// in units of 4 KiB (small chunks), recycled for ever, in one shared mapping.
///
/// Threads: take_small(), take_large() and the accessors are for any production thread, never
/// wait and make no system call; give(), tend() and the counts are for the one replica thread; the
/// warmer is a thread of the pool's own. Chunks pass between them through lock-free stacks.
///
/// Full: take_*() answer no_chunk, and the log that asked is broken at that byte.
class ChunkPool {
 public:
  /// `memory` in bytes, rounded down to whole blocks, at least one. With `resident` everything is
  /// faulted in here; otherwise blocks are faulted in ahead of their use by the warmer, and given
  /// back to the kernel after they were idle for a while. Errors: no memory, no thread.
  static Result<std::unique_ptr<ChunkPool>> create(std::uint64_t memory, bool resident);
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  ChunkId take_small();
  ChunkId take_large();

  [[nodiscard]] std::byte* data(ChunkId id) {
    return base_ + static_cast<std::size_t>(id & ~large_bit) * small_chunk;
  }

  /// What a log writes beside the bytes of a chunk it owns.
  struct Meta {
    std::atomic<ChunkId> next{no_chunk};
    std::uint64_t offset = 0;  ///< stream offset of the chunk's first byte
  };
  Meta& meta(ChunkId id) { return meta_[id & ~large_bit]; }

  void give(ChunkId id);
  /// At the start of a round: trims the stock of small chunks, joins free ones to blocks, asks the
  /// warmer for more or gives idle memory back. `now_ms` is a monotonic clock in milliseconds.
  void tend(std::int64_t now_ms);

  [[nodiscard]] std::uint64_t memory() const { return std::uint64_t{blocks_} * large_chunk; }
  /// Bytes of the chunks that were taken and not given back.
  [[nodiscard]] std::uint64_t used() const {
    return (out_.load(std::memory_order_relaxed) & out_units) * small_chunk;
  }
  /// There is idle memory that the next calls of tend() give back.
  [[nodiscard]] bool cooling() const;
  /// Bytes that were faulted in and not given back.
  [[nodiscard]] std::uint64_t resident() const;
  [[nodiscard]] std::uint64_t chunks_out() const {
    return out_.load(std::memory_order_relaxed) >> out_shift;
  }

 private:
  /// A lock-free stack of indices; the link of each lives in an array beside it. The tag in the
  /// upper half of the head defeats reuse of an index between a pop's read and its exchange.
  class Stack {
   public:
    template <class Links>
    std::uint32_t pop(const Links& links);
    template <class Links>
    void push(std::uint32_t index, const Links& links);
    [[nodiscard]] std::uint32_t size() const {
      const auto n = size_.load(std::memory_order_relaxed);
      return n > 0 ? static_cast<std::uint32_t>(n) : 0;
    }

   private:
    std::atomic<std::uint64_t> head_{0xffffffffU};
    std::atomic<std::int32_t> size_{0};
  };

  ChunkPool() = default;
  std::uint32_t take_block();
  void hold(std::uint32_t unit);
  void regroup();
  void warmer();
  void warm(std::uint32_t block);
  void cool(std::uint32_t block);

  std::byte* base_ = nullptr;
  Meta* meta_ = nullptr;
  std::size_t meta_bytes_ = 0;
  std::unique_ptr<std::atomic<std::uint32_t>[]> block_link_;
  std::uint32_t blocks_ = 0;
  bool resident_always_ = false;
  Fd memory_;

  alignas(64) Stack warm_;
  alignas(64) Stack cold_;
  alignas(64) Stack small_;
  /// What is out, in one word: the number of chunks above, their size in units below.
  static constexpr int out_shift = 32;
  static constexpr std::uint64_t out_units = (std::uint64_t{1} << out_shift) - 1;
  static std::uint64_t out_of(ChunkId id) {
    return (std::uint64_t{1} << out_shift) + capacity(id) / small_chunk;
  }
  alignas(64) std::atomic<std::uint64_t> out_{0};

  // The replica thread's own.
  std::vector<std::uint32_t> held_units_;  // one bit for each free unit kept back from the stock
  std::uint32_t stock_target_ = units_per_block;
  std::uint32_t warm_low_ = 0;
  std::int64_t next_cooling_ms_ = 0;

  struct Warmer;
  std::unique_ptr<Warmer> warmer_;
};

}  // namespace parikshan::stream
