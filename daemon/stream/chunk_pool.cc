// Production threads need memory for the copy at any moment and may wait for nobody; the memory
// comes back from another thread. Thread-local caches were rejected: a worker that only takes and
// a reader that only gives would still have to meet somewhere, and what sits in a cache is missing
// elsewhere. So there are three lock-free stacks: blocks that are resident (warm), blocks that are
// not (cold), and small chunks. A worker takes a cold block, and pays for its page faults, only
// when it outran the warmer.
//
// Small chunks are split off a block by whoever needs one. The replica thread, which gets all of
// them back, keeps those beyond a small stock in a bit map, and when the 32 bits of a block are
// set the block is whole again. Nobody else needs to know how a block was split.
#include "stream/chunk_pool.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

namespace parikshan::stream {
namespace {

constexpr std::uint32_t none = 0xffffffffU;
constexpr std::uint32_t least_warm = 4;          // 512 KiB, kept warm even when all is idle
constexpr std::uint32_t most_ahead = 512;        // 64 MiB, the furthest the warmer runs ahead
constexpr std::uint32_t most_stock = 16384;      // small chunks kept split, 64 MiB
constexpr std::int64_t cooling_period_ms = 500;  // what was not used all through it is surplus

std::uint64_t pack(std::uint64_t previous, std::uint32_t index) {
  return (((previous >> 32) + 1) << 32) | index;
}

/// The links of blocks and of units live in different arrays; both answer `links(index)`.
struct UnitLinks {
  ChunkPool::Meta* meta;
  std::atomic<ChunkId>& operator()(std::uint32_t unit) const { return meta[unit].next; }
};
struct BlockLinks {
  std::atomic<std::uint32_t>* link;
  std::atomic<std::uint32_t>& operator()(std::uint32_t block) const { return link[block]; }
};

}  // namespace

template <class Links>
std::uint32_t ChunkPool::Stack::pop(const Links& links) {
  std::uint64_t head = head_.load(std::memory_order_acquire);
  for (;;) {
    const auto index = static_cast<std::uint32_t>(head);
    if (index == none)
      return none;
    const std::uint32_t next = links(index).load(std::memory_order_relaxed);
    if (head_.compare_exchange_weak(head, pack(head, next), std::memory_order_acquire)) {
      size_.fetch_sub(1, std::memory_order_relaxed);
      return index;
    }
  }
}

template <class Links>
void ChunkPool::Stack::push(std::uint32_t index, const Links& links) {
  std::uint64_t head = head_.load(std::memory_order_relaxed);
  do {
    links(index).store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
  } while (!head_.compare_exchange_weak(head, pack(head, index), std::memory_order_release,
                                        std::memory_order_relaxed));
  size_.fetch_add(1, std::memory_order_relaxed);
}

struct ChunkPool::Warmer {
  std::mutex mutex;
  std::condition_variable wake;
  std::uint32_t wanted = 0;
  bool stop = false;
  std::thread thread;
};

Result<std::unique_ptr<ChunkPool>> ChunkPool::create(std::uint64_t memory, bool resident) {
  const std::uint64_t blocks = std::max<std::uint64_t>(1, memory / large_chunk);
  if (blocks > (large_bit - 1) / units_per_block)
    return Error{fmt::format("a buffer of {} bytes is more than the pool can name", memory)};
  std::unique_ptr<ChunkPool> pool(new ChunkPool());
  pool->blocks_ = static_cast<std::uint32_t>(blocks);
  pool->resident_always_ = resident;

  const std::size_t bytes = blocks * large_chunk;
  pool->memory_.reset(::memfd_create("parikshan-streams", MFD_CLOEXEC));
  if (!pool->memory_)
    return errno_error("make the memory file of the stream logs");
  if (::ftruncate(pool->memory_.get(), static_cast<off_t>(bytes)) != 0)
    return errno_error(fmt::format("size the memory file of the stream logs to {} bytes", bytes));
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, pool->memory_.get(), 0);
  if (mapped == MAP_FAILED)
    return errno_error(fmt::format("map {} bytes of stream logs", bytes));
  pool->base_ = static_cast<std::byte*>(mapped);

  // Zero pages make valid entries to begin with; they are touched when their chunk is first used.
  pool->meta_bytes_ = blocks * units_per_block * sizeof(Meta);
  void* meta = ::mmap(nullptr, pool->meta_bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (meta == MAP_FAILED)
    return errno_error("map the index of the stream logs");
  pool->meta_ = static_cast<Meta*>(meta);
  pool->block_link_ = std::make_unique<std::atomic<std::uint32_t>[]>(blocks);
  pool->held_units_.assign(blocks, 0);

  const std::uint32_t start = resident ? pool->blocks_ : std::min(pool->blocks_, least_warm);
  const BlockLinks links{pool->block_link_.get()};
  if (::madvise(pool->base_, std::size_t{start} * large_chunk, MADV_POPULATE_WRITE) != 0 &&
      errno != EINVAL)  // EINVAL: a kernel before 5.14; the first use faults the pages in
    return errno_error(
        fmt::format("make {} bytes of stream logs resident", std::size_t{start} * large_chunk));
  for (std::uint32_t block = pool->blocks_; block-- > start;)
    pool->cold_.push(block, links);
  for (std::uint32_t block = start; block-- > 0;)
    pool->warm_.push(block, links);
  pool->warm_low_ = pool->warm_.size();

  if (!resident) {
    pool->warmer_ = std::make_unique<Warmer>();
    try {
      pool->warmer_->thread = std::thread(&ChunkPool::warmer, pool.get());
    } catch (const std::system_error& problem) {
      return Error{"start the thread that warms stream memory", problem.code().value()};
    }
  }
  return pool;
}

ChunkPool::~ChunkPool() {
  if (warmer_ && warmer_->thread.joinable()) {
    {
      const std::lock_guard hold(warmer_->mutex);
      warmer_->stop = true;
    }
    warmer_->wake.notify_one();
    warmer_->thread.join();
  }
  if (base_ != nullptr)
    ::munmap(base_, memory());
  if (meta_ != nullptr)
    ::munmap(meta_, meta_bytes_);
}

std::uint32_t ChunkPool::take_block() {
  const BlockLinks links{block_link_.get()};
  const std::uint32_t block = warm_.pop(links);
  return block != none ? block : cold_.pop(links);
}

ChunkId ChunkPool::take_small() {
  const UnitLinks links{meta_};
  std::uint32_t unit = small_.pop(links);
  if (unit == none) {
    const std::uint32_t block = take_block();
    if (block == none)
      return no_chunk;
    unit = block * units_per_block;
    for (std::uint32_t i = units_per_block - 1; i > 0; --i)
      small_.push(unit + i, links);
  }
  out_.fetch_add(out_of(unit), std::memory_order_relaxed);
  return unit;
}

ChunkId ChunkPool::take_large() {
  const std::uint32_t block = take_block();
  if (block == none)
    return no_chunk;
  const ChunkId id = (block * units_per_block) | large_bit;
  out_.fetch_add(out_of(id), std::memory_order_relaxed);
  return id;
}

void ChunkPool::give(ChunkId id) {
  out_.fetch_sub(out_of(id), std::memory_order_relaxed);
  const std::uint32_t unit = id & ~large_bit;
  const std::uint32_t block = unit / units_per_block;
  if ((id & large_bit) != 0) {
    warm_.push(block, BlockLinks{block_link_.get()});
  } else if (small_.size() < stock_target_) {
    small_.push(unit, UnitLinks{meta_});
  } else {
    hold(unit);
  }
}

/// Keeps a free unit back from the stock until its block is whole.
void ChunkPool::hold(std::uint32_t unit) {
  const std::uint32_t block = unit / units_per_block;
  if ((held_units_[block] |= 1U << (unit % units_per_block)) != 0xffffffffU)
    return;
  held_units_[block] = 0;
  warm_.push(block, BlockLinks{block_link_.get()});
}

/// Whole blocks are few: joins what the stock can be joined to, and puts the free units of all
/// other blocks into it, where they can be taken.
void ChunkPool::regroup() {
  const UnitLinks links{meta_};
  // A worker that finds the stock empty meanwhile takes a block, so there has to be one.
  if (warm_.size() + cold_.size() > 0 || chunks_out() == 0) {
    for (std::uint32_t left = small_.size(); left > 0; --left) {
      const std::uint32_t unit = small_.pop(links);
      if (unit == none)
        break;
      hold(unit);
    }
  }
  for (std::uint32_t block = 0; block < blocks_; ++block) {
    for (std::uint32_t i = 0; held_units_[block] != 0; ++i) {
      if ((held_units_[block] & (1U << i)) == 0)
        continue;
      held_units_[block] &= ~(1U << i);
      small_.push(block * units_per_block + i, links);
    }
  }
}

void ChunkPool::tend(std::int64_t now_ms) {
  // The stock of small chunks follows what was out at the start of a round, and falls by half each
  // cooling period. What is above it is joined to blocks again.
  const bool cools = now_ms >= next_cooling_ms_;
  const std::uint32_t stock = small_.size();
  const auto out = static_cast<std::uint32_t>(std::min<std::uint64_t>(chunks_out(), most_stock));
  stock_target_ = std::max(out, cools ? stock_target_ / 2 : stock_target_);
  const UnitLinks units{meta_};
  const BlockLinks links{block_link_.get()};
  if (warm_.size() + cold_.size() < blocks_ / 8 + 1) {
    regroup();
  } else {
    for (std::uint32_t surplus = stock > stock_target_ ? stock - stock_target_ : 0; surplus > 0;
         --surplus) {
      const std::uint32_t unit = small_.pop(units);
      if (unit == none)
        break;
      hold(unit);
    }
  }
  if (resident_always_) {
    if (cools)
      next_cooling_ms_ = now_ms + cooling_period_ms;
    return;
  }

  const std::uint32_t warm = warm_.size();
  const std::uint32_t cold = cold_.size();
  const std::uint32_t busy = blocks_ - std::min(blocks_, warm + cold);
  const std::uint32_t ahead = std::clamp(busy, least_warm, most_ahead);
  if (warm < ahead && cold > 0) {
    {
      const std::lock_guard hold(warmer_->mutex);
      warmer_->wanted = std::min(ahead - warm, cold);
    }
    warmer_->wake.notify_one();
  }
  warm_low_ = std::min(warm_low_, warm);
  if (!cools)
    return;
  if (next_cooling_ms_ != 0) {
    // Half of the surplus each time: a load that pauses for a moment finds most of it again.
    const std::uint32_t surplus = warm_low_ > ahead ? warm_low_ - ahead : 0;
    for (std::uint32_t i = 0; i < (surplus + 1) / 2; ++i) {
      const std::uint32_t block = warm_.pop(links);
      if (block == none)
        break;
      cool(block);
      cold_.push(block, links);
    }
  }
  warm_low_ = warm_.size();
  next_cooling_ms_ = now_ms + cooling_period_ms;
}

void ChunkPool::warm(std::uint32_t block) {
  // A failure here (no memory just now) shows as slower page faults later, and that is all.
  ::madvise(base_ + std::size_t{block} * large_chunk, large_chunk, MADV_POPULATE_WRITE);
}

void ChunkPool::cool(std::uint32_t block) {
  ::madvise(base_ + std::size_t{block} * large_chunk, large_chunk, MADV_REMOVE);
}

void ChunkPool::warmer() {
  ::pthread_setname_np(::pthread_self(), "warmer");
  const BlockLinks links{block_link_.get()};
  std::unique_lock hold(warmer_->mutex);
  for (;;) {
    warmer_->wake.wait(hold, [this] { return warmer_->stop || warmer_->wanted > 0; });
    if (warmer_->stop)
      return;
    --warmer_->wanted;
    hold.unlock();
    const std::uint32_t block = cold_.pop(links);
    if (block != none) {
      warm(block);
      warm_.push(block, links);
    }
    hold.lock();
    if (block == none)
      warmer_->wanted = 0;
  }
}

bool ChunkPool::cooling() const {
  return !resident_always_ &&
         (warm_.size() > least_warm || small_.size() > stock_target_ || stock_target_ > 0);
}

std::uint64_t ChunkPool::resident() const {
  return (blocks_ - std::min<std::uint64_t>(blocks_, cold_.size())) * large_chunk;
}

}  // namespace parikshan::stream
