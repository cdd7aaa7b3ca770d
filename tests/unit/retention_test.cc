#include "stream/retention.h"

#include "stream_fixture.h"

namespace parikshan::stream {
namespace {

TEST(Retention, GivesWhatWasAppendedInOrder) {
  const auto pool = make_pool(4 << 20);
  StreamLog log(*pool, false);
  Retention retention(log, nullptr);
  EXPECT_EQ(read_from(retention, nullptr, 0), "");
  std::string all;
  for (std::size_t length : {1UL, 4095UL, 4097UL, 20'000UL, 300'000UL, 7UL}) {
    const std::string bytes = random_bytes(length, length);
    append(log, bytes);
    all += bytes;
    EXPECT_LT(retention.end(), all.size());
    retention.refresh();
    EXPECT_EQ(retention.end(), all.size());
    EXPECT_EQ(read_from(retention, nullptr, 0), all);
  }
  EXPECT_EQ(read_from(retention, nullptr, 5000), all.substr(5000));
  retention.release(5000);
  EXPECT_EQ(retention.begin(), 5000U);
  EXPECT_EQ(read_from(retention, nullptr, 5000), all.substr(5000));
  retention.release(100);  // behind what is gone already
  EXPECT_EQ(retention.begin(), 5000U);
  retention.release(UINT64_MAX);
  EXPECT_EQ(retention.begin(), all.size());
  EXPECT_EQ(retention.resident(), 0U);
  EXPECT_EQ(pool->chunks_out(), 0U);
}

TEST(Retention, GivesItsChunksBackWhenItGoes) {
  const auto pool = make_pool(1 << 20);
  StreamLog log(*pool, false);
  {
    Retention retention(log, nullptr);
    append(log, std::string(50'000, 'a'));
    retention.refresh();
    append(log, std::string(200'000, 'b'));  // it was never told of these
    EXPECT_GE(pool->chunks_out(), 2U);
  }
  EXPECT_EQ(pool->chunks_out(), 0U);
}

TEST(Retention, KeepsTheOldestInMemoryAndTheNewestOnDisk) {
  const TemporaryFolder folder;
  const auto pool = make_pool(4 << 20);
  const auto spill = make_spill(folder.path(), 4 << 20, *pool);
  StreamLog log(*pool, false);
  Retention retention(log, spill.get());
  const std::string all = random_bytes(10 * large_chunk, 4);
  append(log, all);
  retention.refresh();
  EXPECT_TRUE(retention.fit(3 * large_chunk));
  while (retention.resident() > 4 * large_chunk)
    ASSERT_TRUE(collect_next(*spill));
  // The newest chunk may still grow, and stays as well.
  EXPECT_EQ(retention.resident() + retention.on_disk(), all.size());
  EXPECT_GE(retention.on_disk(), 6 * large_chunk);
  EXPECT_EQ(pool->chunks_out(), retention.resident() / large_chunk);
  iovec parts[16];
  std::size_t filled = 0;
  ASSERT_EQ(retention.view(0, parts, filled), Retention::Outcome::bytes);
  EXPECT_GE(filled, 3U);
  EXPECT_EQ(read_from(retention, spill.get(), 0), all);
  retention.release(all.size());
  while (spill->used() > 0)
    ASSERT_TRUE(collect_next(*spill));
  EXPECT_EQ(retention.on_disk(), 0U);
  EXPECT_EQ(pool->chunks_out(), 0U);
}

TEST(Retention, SaysSoWhenItDoesNotFit) {
  const TemporaryFolder folder;
  const auto pool = make_pool(4 << 20);
  const auto spill = make_spill(folder.path(), 2 * large_chunk, *pool);
  StreamLog log(*pool, false);
  Retention retention(log, spill.get());
  const std::string all = random_bytes(10 * large_chunk, 5);
  append(log, all);
  retention.refresh();
  EXPECT_TRUE(retention.fit(10 * large_chunk));
  EXPECT_FALSE(retention.fit(3 * large_chunk));
  EXPECT_EQ(spill->used(), 2 * large_chunk);
  EXPECT_EQ(read_from(retention, spill.get(), 0), all);  // nothing is lost by not fitting
  StreamLog other(*pool, false);
  Retention without_disk(other, nullptr);
  append(other, all);
  without_disk.refresh();
  EXPECT_FALSE(without_disk.fit(large_chunk));
}

/// Random appends, reads, releases and quotas beside a plain string.
TEST(Retention, HoldsEveryByteUnderRandomQuotas) {
  const TemporaryFolder folder;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const bool small_only = random() % 2 == 0;
    // Every third pool is so small that it runs dry.
    const bool dry = seed % 3 == 0;
    const auto pool = make_pool((dry ? 1 : 8) << 20);
    const auto spill = make_spill(folder.path(), random() % 3 * (512 << 10), *pool);
    const std::uint64_t quota = random() % 4 * (64 << 10);
    const std::string all = random_bytes(3 << 20, seed);
    std::size_t written = 0;
    std::size_t read = 0;
    {
      StreamLog log(*pool, small_only);
      Retention retention(log, spill.get());
      for (int step = 0; step < 300 && !log.broken(); ++step) {
        switch (random() % 6) {
          case 0:
          case 1: {
            const std::size_t most = random() % 3 == 0 ? 200'000 : 6'000;
            const std::size_t part = std::min(1 + random() % most, all.size() - written);
            append(log, std::string_view(all).substr(written, part));
            written += part;
            break;
          }
          case 2:
            retention.refresh();
            ASSERT_EQ(retention.end(), log.end());
            break;
          case 3: {
            iovec parts[3];
            std::size_t filled = 0;
            if (retention.view(read, parts, filled) != Retention::Outcome::bytes)
              break;
            for (std::size_t i = 0; i < filled; ++i) {
              const std::string_view part(static_cast<const char*>(parts[i].iov_base),
                                          parts[i].iov_len);
              ASSERT_EQ(part, std::string_view(all).substr(read, part.size())) << "at " << read;
              if (random() % 4 == 0) {  // a reader that took a part of it
                read += random() % (part.size() + 1);
                break;
              }
              read += part.size();
            }
            retention.release(read);
            ASSERT_EQ(retention.begin(), read);
            break;
          }
          case 4:
            retention.fit(quota);
            ASSERT_LE(spill->used(), spill->quota());
            break;
          default:
            if (random() % 2 == 0)
              spill->collect();
            else
              pool->tend(step);
        }
      }
      retention.refresh();
      ASSERT_EQ(log.due(), written);
      ASSERT_EQ(retention.end(), log.end());
      // With the pool dry nothing can be read back from disk: then only the order was checked.
      if (!dry) {
        ASSERT_EQ(retention.end(), written);
        while (read < written) {
          iovec parts[3];
          std::size_t filled = 0;
          const auto outcome = retention.view(read, parts, filled);
          if (outcome == Retention::Outcome::loading) {
            ASSERT_TRUE(collect_next(*spill));
            continue;
          }
          ASSERT_EQ(outcome, Retention::Outcome::bytes);
          const std::string_view part(static_cast<const char*>(parts[0].iov_base),
                                      parts[0].iov_len);
          ASSERT_EQ(part, std::string_view(all).substr(read, part.size())) << "at " << read;
          read += part.size();
          retention.release(read);
        }
        ASSERT_EQ(retention.resident(), 0U);
        ASSERT_EQ(retention.on_disk(), 0U);
      }
    }
    while (spill->used() > 0)
      ASSERT_TRUE(collect_next(*spill));
    ASSERT_EQ(pool->chunks_out(), 0U);
  }
}

}  // namespace
}  // namespace parikshan::stream
