#include "stream/spill.h"

#include <cstring>
#include <fstream>

#include "stream_fixture.h"

namespace parikshan::stream {
namespace {

TEST(Spill, LeavesNoNameInItsFolder) {
  const TemporaryFolder folder;
  const std::string directory = folder.path() + "/made/for/it";
  const auto pool = make_pool(1 << 20);
  const auto spill = make_spill(directory, 1 << 20, *pool);
  EXPECT_FALSE(std::filesystem::exists(directory));  // until there is something to write
  const ChunkId chunk = pool->take_small();
  ASSERT_NE(spill->start_write(chunk, 100, 0, nullptr), nullptr);
  ASSERT_TRUE(collect_next(*spill));
  EXPECT_TRUE(std::filesystem::is_directory(directory));
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  EXPECT_EQ(std::filesystem::status(directory).permissions(), std::filesystem::perms::owner_all);
  EXPECT_EQ(spill->problem(), "");
}

TEST(Spill, KeepsToItsQuota) {
  const TemporaryFolder folder;
  const auto pool = make_pool(1 << 20);
  const auto spill = make_spill(folder.path(), large_chunk + small_chunk, *pool);
  EXPECT_EQ(spill->quota(), large_chunk + small_chunk);
  const ChunkId large = pool->take_large();
  const ChunkId small = pool->take_small();
  const ChunkId too_much = pool->take_small();
  ASSERT_NE(spill->start_write(large, large_chunk, 0, nullptr), nullptr);
  ASSERT_NE(spill->start_write(small, 1, 0, nullptr), nullptr);
  EXPECT_EQ(spill->used(), spill->quota());
  EXPECT_EQ(spill->start_write(too_much, 1, 0, nullptr), nullptr);
  pool->give(too_much);
  // Nobody owned the two that were written: their slots and chunks go back.
  while (spill->used() > 0)
    ASSERT_TRUE(collect_next(*spill));
  EXPECT_EQ(pool->chunks_out(), 0U);
}

TEST(Spill, ARefusedWriteLosesNothing) {
  const TemporaryFolder folder;
  const std::string in_the_way = folder.path() + "/file";
  std::ofstream(in_the_way) << "no folder";
  const auto pool = make_pool(4 << 20);
  const auto spill = make_spill(in_the_way + "/below", 4 << 20, *pool);
  StreamLog log(*pool, false);
  Retention retention(log, spill.get());
  const std::string all = random_bytes(6 * large_chunk, 1);
  append(log, all);
  retention.refresh();
  EXPECT_TRUE(retention.fit(2 * large_chunk));  // on its way counts as fitting
  while (spill->used() > 0)
    ASSERT_TRUE(collect_next(*spill));
  EXPECT_NE(spill->problem().find("Not a directory"), std::string::npos) << spill->problem();
  EXPECT_FALSE(retention.fit(2 * large_chunk));
  EXPECT_EQ(retention.on_disk(), 0U);
  EXPECT_EQ(retention.resident(), all.size());
  EXPECT_EQ(read_from(retention, spill.get(), 0), all);
}

TEST(Spill, IsReadWhileItIsStillBeingWritten) {
  const TemporaryFolder folder;
  const auto pool = make_pool(4 << 20);
  const auto spill = make_spill(folder.path(), 4 << 20, *pool);
  StreamLog log(*pool, false);
  Retention retention(log, spill.get());
  const std::string all = random_bytes(6 * large_chunk, 2);
  append(log, all);
  retention.refresh();
  EXPECT_TRUE(retention.fit(large_chunk));
  // Before any job was heard of: the chunks are still there to be read.
  iovec parts[8];
  std::size_t filled = 0;
  ASSERT_EQ(retention.view(0, parts, filled), Retention::Outcome::bytes);
  EXPECT_EQ(filled, 6U);
  EXPECT_EQ(read_from(retention, spill.get(), 0), all);
  // Released under way: the jobs go on and clean up after themselves.
  retention.release(all.size());
  while (spill->used() > 0)
    ASSERT_TRUE(collect_next(*spill));
  EXPECT_EQ(pool->chunks_out(), 0U);
}

TEST(Spill, OutlivesTheRetentionsThatUseIt) {
  const TemporaryFolder folder;
  const auto pool = make_pool(4 << 20);
  const auto spill = make_spill(folder.path(), 4 << 20, *pool);
  for (std::uint64_t collected = 0; collected < 3; ++collected) {
    StreamLog log(*pool, false);
    Retention retention(log, spill.get());
    append(log, random_bytes(6 * large_chunk, 3));
    retention.refresh();
    EXPECT_TRUE(retention.fit(large_chunk));
    while (retention.on_disk() < collected * large_chunk)
      ASSERT_TRUE(collect_next(*spill));
    retention.release(large_chunk);
    iovec parts[1];
    std::size_t filled = 0;
    retention.view(large_chunk, parts, filled);  // may set off reads
  }
  while (spill->used() > 0)
    ASSERT_TRUE(collect_next(*spill));
  EXPECT_EQ(pool->chunks_out(), 0U);
}

TEST(Spill, UsesItsRoomAgain) {
  const TemporaryFolder folder;
  const auto pool = make_pool(4 << 20);
  const auto spill = make_spill(folder.path(), 8 * large_chunk, *pool);
  for (std::uint64_t round = 0; round < 5; ++round) {
    StreamLog log(*pool, false);
    Retention retention(log, spill.get());
    const std::string all = random_bytes(9 * large_chunk, round);
    append(log, all);
    retention.refresh();
    ASSERT_TRUE(retention.fit(large_chunk)) << round;
    while (retention.on_disk() < 7 * large_chunk)
      ASSERT_TRUE(collect_next(*spill));
    ASSERT_EQ(read_from(retention, spill.get(), 0), all) << round;
  }
}

}  // namespace
}  // namespace parikshan::stream
