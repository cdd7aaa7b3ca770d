// The writer owns the last chunk, the reader frees chunks, and neither may wait for the other. The
// one point where they meet is an idle log, whose last chunk must go back to the pool although the
// writer might use it the next moment. Both settle that on one word, the end of the log: the
// writer marks it `writing` while it touches the last chunk, the reader swaps it to `sealed` only
// if it is neither marked nor moved. (Counting references of each chunk was rejected: two more
// shared writes per message, and an idle log would still keep its last chunk.)
#include "stream/stream_log.h"

#include <algorithm>
#include <cstring>

namespace parikshan::stream {
namespace {

constexpr std::uint32_t small_at_first = 4;

}  // namespace

ChunkId StreamLog::take(std::size_t length) {
  const bool small =
      small_only_ || (taken_since_seal_ < small_at_first && length <= small_chunk * 2);
  ++taken_since_seal_;
  // Small chunks may be left when no block is whole any more.
  const ChunkId large = small ? no_chunk : pool_.take_large();
  return large != no_chunk ? large : pool_.take_small();
}

void StreamLog::append(const std::byte* bytes, std::size_t length) {
  due_.store(due_.load(std::memory_order_relaxed) + length, std::memory_order_release);
  appends_.store(appends_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (discard_.load(std::memory_order_acquire) || broken_.load(std::memory_order_relaxed))
    return;

  std::uint64_t unclaimed = written_;
  if (!end_.compare_exchange_strong(unclaimed, written_ | writing, std::memory_order_seq_cst)) {
    tail_ = no_chunk;  // sealed: the reader has nothing and touches nothing until end_ moves
    taken_since_seal_ = 0;
  }
  while (length > 0) {
    if (tail_ == no_chunk || tail_used_ == capacity(tail_)) {
      const ChunkId next = take(length);
      if (next == no_chunk) {
        broken_.store(true, std::memory_order_release);
        break;
      }
      pool_.meta(next).offset = written_;
      pool_.meta(next).next.store(no_chunk, std::memory_order_relaxed);
      if (tail_ == no_chunk)
        first_.store(next, std::memory_order_release);
      else
        pool_.meta(tail_).next.store(next, std::memory_order_release);
      tail_ = next;
      tail_used_ = 0;
    }
    const std::size_t part = std::min(length, capacity(tail_) - tail_used_);
    std::memcpy(pool_.data(tail_) + tail_used_, bytes, part);
    tail_used_ += static_cast<std::uint32_t>(part);
    written_ += part;
    bytes += part;
    length -= part;
  }
  // A sealed log that got no chunk at all stays sealed: there is no first chunk to find.
  end_.store(tail_ == no_chunk ? written_ | sealed : written_, std::memory_order_seq_cst);
}

bool StreamLog::seal(std::uint64_t offset) {
  return end_.compare_exchange_strong(offset, offset | sealed, std::memory_order_seq_cst);
}

}  // namespace parikshan::stream
