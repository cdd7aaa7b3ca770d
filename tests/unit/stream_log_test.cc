#include "stream/stream_log.h"

#include <thread>

#include "stream_fixture.h"

namespace parikshan::stream {
namespace {

TEST(StreamLog, CountsWhatWasAppended) {
  const auto pool = make_pool(1 << 20);
  StreamLog log(*pool, false);
  EXPECT_EQ(log.end(), 0U);
  EXPECT_EQ(log.ended(), End::open);
  append(log, "abc");
  append(log, "defg");
  EXPECT_EQ(log.end(), 7U);
  EXPECT_EQ(log.due(), 7U);
  EXPECT_EQ(log.written(), 7U);
  EXPECT_EQ(log.appends(), 2U);
  EXPECT_FALSE(log.broken());
  log.finish(End::fin);
  EXPECT_EQ(log.ended(), End::fin);
  const Retention gives_back(log, nullptr);
}

TEST(StreamLog, BeginsWithSmallChunksAndGoesOnWithLargeOnes) {
  const auto pool = make_pool(4 << 20);
  StreamLog log(*pool, false);
  Retention retention(log, nullptr);
  append(log, std::string(100, 'a'));
  EXPECT_EQ(capacity(log.first()), small_chunk);
  for (int i = 0; i < 100; ++i)
    append(log, std::string(1000, 'b'));
  retention.refresh();
  EXPECT_EQ(pool->chunks_out(), 5U);  // four small ones, then a large one
  EXPECT_EQ(retention.resident(), 4 * small_chunk + large_chunk);

  StreamLog bulk(*pool, false);
  append(bulk, std::string(100'000, 'c'));
  EXPECT_EQ(capacity(bulk.first()), large_chunk);
  StreamLog tight(*pool, true);
  append(tight, std::string(100'000, 'c'));
  EXPECT_EQ(capacity(tight.first()), small_chunk);
  const Retention gives_back(bulk, nullptr);
  const Retention gives_back_too(tight, nullptr);
}

TEST(StreamLog, BreaksWhereThePoolRanDryAndGoesOnCounting) {
  const auto pool = make_pool(large_chunk);
  StreamLog log(*pool, false);
  Retention retention(log, nullptr);
  const std::string bytes = random_bytes(large_chunk + 5000, 1);
  append(log, bytes);
  EXPECT_TRUE(log.broken());
  EXPECT_EQ(log.due(), bytes.size());
  EXPECT_EQ(log.end(), large_chunk);
  retention.refresh();
  EXPECT_EQ(read_from(retention, nullptr, 0), bytes.substr(0, large_chunk));
  retention.release(log.end());
  append(log, "more");  // there would be room again, but a gap must not be closed over
  EXPECT_EQ(log.due(), bytes.size() + 4);
  EXPECT_EQ(log.end(), large_chunk);
  EXPECT_EQ(pool->chunks_out(), 0U);
}

TEST(StreamLog, BreaksAtItsFirstByteWhenThereIsNoChunkAtAll) {
  const auto pool = make_pool(large_chunk);
  const ChunkId hog = pool->take_large();
  StreamLog log(*pool, false);
  Retention retention(log, nullptr);
  append(log, "abc");
  EXPECT_TRUE(log.broken());
  EXPECT_EQ(log.end(), 0U);
  EXPECT_EQ(log.due(), 3U);
  retention.refresh();
  EXPECT_EQ(retention.end(), 0U);
  pool->give(hog);
}

TEST(StreamLog, KeepsNothingOnceNobodyReads) {
  const auto pool = make_pool(1 << 20);
  StreamLog log(*pool, false);
  log.discard();
  append(log, std::string(10'000, 'a'));
  EXPECT_EQ(log.due(), 10'000U);
  EXPECT_EQ(log.end(), 0U);
  EXPECT_EQ(pool->chunks_out(), 0U);
}

TEST(StreamLog, SealsOnlyAtItsEnd) {
  const auto pool = make_pool(1 << 20);
  StreamLog log(*pool, false);
  Retention retention(log, nullptr);
  append(log, "abc");
  retention.refresh();
  append(log, "d");
  EXPECT_FALSE(log.seal(3));
  retention.release(3);  // has not seen the fourth byte: the chunk stays
  EXPECT_EQ(pool->chunks_out(), 1U);
  retention.refresh();
  retention.release(4);
  EXPECT_EQ(pool->chunks_out(), 0U);
  EXPECT_EQ(log.end(), 4U);
  append(log, "efg");
  retention.refresh();
  EXPECT_EQ(read_from(retention, nullptr, 4), "efg");
}

/// A writer that never waits, and a reader that takes its last chunk away whenever it can.
TEST(StreamLog, HasEveryByteOnceBetweenTwoThreads) {
  constexpr std::size_t length = 48 << 20;
  const std::string pattern = random_bytes(1 << 20, 7);
  const auto pool = make_pool(8 << 20, false);
  StreamLog log(*pool, false);
  Retention retention(log, nullptr);
  std::atomic<std::uint64_t> read{0};
  const auto deadline = std::chrono::steady_clock::now() + patience;

  std::thread writer([&] {
    std::mt19937 random(3);
    std::size_t at = 0;
    while (at < length) {
      const std::size_t most = random() % 8 == 0 ? 100'000 : random() % 2 == 0 ? 16 : 3000;
      const std::size_t in_pattern = at % pattern.size();
      const std::size_t part =
          std::min({1 + random() % most, pattern.size() - in_pattern, length - at});
      append(log, std::string_view(pattern).substr(in_pattern, part));
      at += part;
      // The test's own pacing, so that the pool does not run dry: the log itself has none.
      while (at - read.load() > (2 << 20) && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    }
    log.finish(End::fin);
  });

  std::uint64_t at = 0;
  std::uint64_t wrong = 0;
  std::uint64_t sealed = 0;
  std::int64_t round = 0;
  for (bool last = false; !last && std::chrono::steady_clock::now() < deadline;) {
    last = log.ended() == End::fin;
    retention.refresh();
    iovec parts[3];
    std::size_t filled = 0;
    while (retention.view(at, parts, filled) == Retention::Outcome::bytes) {
      for (std::size_t i = 0; i < filled; ++i) {
        for (std::size_t done = 0; done < parts[i].iov_len;) {
          const std::size_t in_pattern = (at + done) % pattern.size();
          const std::size_t part = std::min(parts[i].iov_len - done, pattern.size() - in_pattern);
          wrong += std::memcmp(static_cast<const char*>(parts[i].iov_base) + done,
                               pattern.data() + in_pattern, part) != 0
                       ? 1
                       : 0;
          done += part;
        }
        at += parts[i].iov_len;
      }
    }
    retention.release(at);
    sealed += retention.resident() == 0 ? 1 : 0;
    read.store(at);
    pool->tend(++round);
  }
  writer.join();
  EXPECT_FALSE(log.broken());
  EXPECT_EQ(at, length);
  EXPECT_EQ(wrong, 0U);
  EXPECT_GT(sealed, 0U);
  EXPECT_EQ(pool->chunks_out(), 0U);
}

}  // namespace
}  // namespace parikshan::stream
