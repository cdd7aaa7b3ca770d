#include "stream/chunk_pool.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "stream_fixture.h"

namespace parikshan::stream {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

/// How many large chunks can be had. They are not given back.
std::uint64_t large_left(ChunkPool& pool) {
  std::uint64_t taken = 0;
  while (pool.take_large() != no_chunk)
    ++taken;
  return taken;
}

TEST(ChunkPool, RoundsDownToWholeBlocksAndHasAtLeastOne) {
  EXPECT_EQ(make_pool(0)->memory(), large_chunk);
  EXPECT_EQ(make_pool(large_chunk * 2 - 1)->memory(), large_chunk);
  EXPECT_EQ(make_pool(large_chunk * 3 + 5)->memory(), large_chunk * 3);
}

TEST(ChunkPool, RefusesWhatItCannotName) {
  EXPECT_FALSE(ChunkPool::create(std::uint64_t{1} << 60, false));
}

TEST(ChunkPool, HandsOutAllOfItsMemoryOnce) {
  const auto pool = make_pool(mib);
  std::set<std::byte*> places;
  std::vector<ChunkId> taken;
  for (ChunkId id = pool->take_small(); id != no_chunk; id = pool->take_small()) {
    EXPECT_EQ(capacity(id), small_chunk);
    std::memset(pool->data(id), static_cast<int>(taken.size()), small_chunk);
    EXPECT_TRUE(places.insert(pool->data(id)).second);
    taken.push_back(id);
  }
  EXPECT_EQ(taken.size(), mib / small_chunk);
  EXPECT_EQ(pool->chunks_out(), taken.size());
  EXPECT_EQ(pool->used(), mib);
  EXPECT_EQ(pool->take_large(), no_chunk);
  EXPECT_LE(*places.rbegin() - *places.begin(), static_cast<std::ptrdiff_t>(mib - small_chunk));
  for (std::size_t i = 0; i < taken.size(); ++i)
    EXPECT_EQ(pool->data(taken[i])[small_chunk - 1], static_cast<std::byte>(i)) << i;
  for (const ChunkId id : taken)
    pool->give(id);
  EXPECT_EQ(pool->chunks_out(), 0U);
}

TEST(ChunkPool, LargeChunksDoNotOverlap) {
  const auto pool = make_pool(4 * large_chunk);
  std::set<std::byte*> places;
  std::vector<ChunkId> taken;
  for (ChunkId id = pool->take_large(); id != no_chunk; id = pool->take_large()) {
    EXPECT_EQ(capacity(id), large_chunk);
    EXPECT_TRUE(places.insert(pool->data(id)).second);
    taken.push_back(id);
    EXPECT_EQ(pool->used(), taken.size() * large_chunk);
  }
  ASSERT_EQ(taken.size(), 4U);
  for (auto next = std::next(places.begin()); next != places.end(); ++next)
    EXPECT_GE(*next - *std::prev(next), static_cast<std::ptrdiff_t>(large_chunk));
  EXPECT_EQ(pool->take_small(), no_chunk);
  pool->give(taken.back());
  EXPECT_NE(pool->take_small(), no_chunk);
}

TEST(ChunkPool, JoinsSmallChunksToBlocksAgain) {
  const auto pool = make_pool(mib);
  std::vector<ChunkId> taken;
  for (ChunkId id = pool->take_small(); id != no_chunk; id = pool->take_small())
    taken.push_back(id);
  for (const ChunkId id : taken)
    pool->give(id);
  for (std::int64_t round = 0; round < 200; ++round)
    pool->tend(round);
  EXPECT_EQ(pool->used(), 0U);
  EXPECT_GE(large_left(*pool), mib / large_chunk - 2);  // a small stock may stay split
}

/// One small chunk of each block comes back last: what is kept for the next small message must not
/// be one piece of every block, or an idle pool has no large chunk to give.
TEST(ChunkPool, DoesNotStaySplitWhenAllCameBack) {
  const auto pool = make_pool(mib);
  std::vector<ChunkId> taken;
  for (ChunkId id = pool->take_small(); id != no_chunk; id = pool->take_small())
    taken.push_back(id);
  std::stable_partition(taken.begin(), taken.end(),
                        [](ChunkId id) { return id % units_per_block < 4; });
  for (const ChunkId id : taken)
    pool->give(id);
  ASSERT_EQ(pool->chunks_out(), 0U);
  for (std::int64_t round = 0; round < 200; ++round)
    pool->tend(round);
  EXPECT_GE(large_left(*pool), mib / large_chunk - 2);
}

/// Free memory is never out of reach: pieces that wait for the rest of their block are given out
/// again when nothing else is left.
TEST(ChunkPool, FreePiecesOfBlocksInUseCanBeTaken) {
  const auto pool = make_pool(mib);
  std::vector<ChunkId> taken;
  for (ChunkId id = pool->take_small(); id != no_chunk; id = pool->take_small())
    taken.push_back(id);
  std::size_t kept = 0;
  for (const ChunkId id : taken) {
    if (id % units_per_block == 7)
      ++kept;
    else
      pool->give(id);
  }
  ASSERT_EQ(pool->chunks_out(), kept);
  std::size_t again = 0;
  for (std::int64_t round = 0; round < 200; ++round) {
    pool->tend(round);
    while (pool->take_small() != no_chunk)
      ++again;
  }
  EXPECT_EQ(again + kept, taken.size());
}

TEST(ChunkPool, GivesIdleMemoryBackToTheKernel) {
  const std::uint64_t memory = 16 * mib;
  const auto pool = make_pool(memory, false);
  EXPECT_LT(pool->resident(), memory);
  std::vector<ChunkId> taken;
  for (ChunkId id = pool->take_large(); id != no_chunk; id = pool->take_large())
    taken.push_back(id);
  EXPECT_EQ(taken.size(), memory / large_chunk);  // the warmer may be late, memory is not missing
  EXPECT_EQ(pool->resident(), memory);
  for (const ChunkId id : taken)
    pool->give(id);
  for (std::int64_t seconds = 0; seconds < 60; ++seconds)
    pool->tend(seconds * 1000);
  EXPECT_LT(pool->resident(), memory / 2);
  EXPECT_EQ(pool->used(), 0U);
}

/// The shape of a duplicator: threads that take, one thread that gives. No chunk is ever with two
/// owners, and all are there in the end.
TEST(ChunkPool, PassesChunksBetweenThreads) {
  constexpr int takers = 2;
  constexpr int each = 30'000;
  const auto pool = make_pool(2 * mib, false);
  std::mutex mutex;
  std::deque<std::pair<ChunkId, std::uint32_t>> on_their_way;
  std::atomic<int> taking{takers};
  std::atomic<std::uint64_t> taken_in_all{0};

  const auto deadline = std::chrono::steady_clock::now() + patience;
  const auto take = [&](std::uint32_t who) {
    std::mt19937 random(who);
    for (std::uint32_t i = 0; i < each && std::chrono::steady_clock::now() < deadline;) {
      const ChunkId id = random() % 16 == 0 ? pool->take_large() : pool->take_small();
      if (id == no_chunk) {
        std::this_thread::yield();
        continue;
      }
      ++i;
      taken_in_all.fetch_add(1);
      const std::uint32_t mark = who << 24 | i;
      std::memcpy(pool->data(id), &mark, sizeof mark);
      std::memcpy(pool->data(id) + capacity(id) - sizeof mark, &mark, sizeof mark);
      const std::lock_guard hold(mutex);
      on_their_way.emplace_back(id, mark);
    }
    taking.fetch_sub(1);
  };
  std::vector<std::thread> threads;
  for (std::uint32_t who = 1; who <= takers; ++who)
    threads.emplace_back(take, who);

  std::int64_t round = 0;
  std::uint64_t wrong = 0;
  for (bool last = false; !last;) {
    last = taking.load() == 0;
    std::deque<std::pair<ChunkId, std::uint32_t>> here;
    {
      const std::lock_guard hold(mutex);
      here.swap(on_their_way);
    }
    for (const auto& [id, mark] : here) {
      std::uint32_t first = 0;
      std::uint32_t second = 0;
      std::memcpy(&first, pool->data(id), sizeof first);
      std::memcpy(&second, pool->data(id) + capacity(id) - sizeof second, sizeof second);
      wrong += first != mark || second != mark ? 1 : 0;
      pool->give(id);
    }
    pool->tend(++round * 100);
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(taken_in_all.load(), std::uint64_t{takers} * each);
  EXPECT_EQ(pool->chunks_out(), 0U);
}

}  // namespace
}  // namespace parikshan::stream
