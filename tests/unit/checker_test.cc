#include "divergence/checker.h"

#include <algorithm>
#include <optional>
#include <set>

#include "stream_fixture.h"

namespace parikshan::divergence {
namespace {

using stream::append;
using stream::random_bytes;

constexpr std::size_t block = 4096;

/// A session whose production answers are appended and whose replica answers are taken.
class Answers {
 public:
  explicit Answers(const std::vector<std::string>& expressions = {})
      : masks_(Masks::compile(expressions).value()),
        pool_(stream::make_pool(4 << 20)),
        log_(*pool_, false),
        retention_(std::in_place, log_, nullptr),
        checker_(masks_) {}
  ~Answers() {
    retention_.reset();
    EXPECT_EQ(pool_->chunks_out(), 0U);
  }
  Answers(const Answers&) = delete;
  Answers& operator=(const Answers&) = delete;

  void production(std::string_view bytes) {
    append(log_, bytes);
    retention_->refresh();
    step();
  }
  void replica(std::string_view bytes) {
    ASSERT_LE(bytes.size(), checker_.room());
    checker_.take(bytes, *retention_);
    release();
  }
  void step(bool production_ended = false, bool idle = false) {
    checker_.step(*retention_, production_ended, idle);
    release();
  }
  void shed(std::uint64_t keep) {
    checker_.shed(*retention_, keep);
    release();
  }
  Checker& checker() { return checker_; }
  [[nodiscard]] std::uint64_t held() const { return retention_->end() - retention_->begin(); }

 private:
  void release() { retention_->release(checker_.needed_from()); }

  Masks masks_;
  std::unique_ptr<stream::ChunkPool> pool_;
  stream::StreamLog log_;
  std::optional<stream::Retention> retention_;
  Checker checker_;
};

TEST(Checker, EqualAnswersAreEqual) {
  Answers answers;
  const std::string text = random_bytes(1 << 20, 1);
  for (std::size_t at = 0; at < text.size(); at += 50'000) {
    answers.production(std::string_view(text).substr(at, 50'000));
    answers.replica(std::string_view(text).substr(at, 50'000));
    EXPECT_EQ(answers.held(), 0U);
  }
  answers.checker().replica_ended();
  answers.step(true, true);
  EXPECT_FALSE(answers.checker().diverged());
  EXPECT_FALSE(answers.checker().closed());
  EXPECT_EQ(answers.checker().compared(), text.size());
  EXPECT_EQ(answers.checker().answered(), text.size());
  EXPECT_EQ(answers.checker().skipped(), 0U);
}

TEST(Checker, NamesTheFirstByteThatDiffers) {
  Answers answers;
  const std::string text = random_bytes(100'000, 2);
  std::string other = text;
  other[54'321] ^= 1;
  other[54'322] ^= 1;  // in the same block
  other[70'000] ^= 1;
  answers.production(text);
  answers.replica(other.substr(0, 60'000));
  ASSERT_TRUE(answers.checker().diverged());
  const Difference& first = *answers.checker().first();
  EXPECT_EQ(first.production_offset, 54'321U);
  EXPECT_EQ(first.replica_offset, 54'321U);
  ASSERT_EQ(first.context_before, 64U);
  EXPECT_EQ(first.production.substr(0, 64), text.substr(54'321 - 64, 64));
  EXPECT_EQ(first.replica.substr(0, 64), text.substr(54'321 - 64, 64));
  EXPECT_EQ(first.production.substr(64), text.substr(54'321, first.production.size() - 64));
  EXPECT_EQ(first.replica.substr(64), other.substr(54'321, first.replica.size() - 64));
  EXPECT_EQ(answers.checker().blocks_differing(), 1U);
  answers.replica(other.substr(60'000));
  EXPECT_EQ(answers.checker().blocks_differing(), 2U);
  EXPECT_EQ(answers.checker().first()->production_offset, 54'321U);
  EXPECT_EQ(answers.checker().position(), text.size());
  EXPECT_EQ(answers.checker().compared(), text.size());
}

TEST(Checker, TheReplicaMayBeAheadForAWhile) {
  Answers answers;
  const std::string text = random_bytes(64 << 10, 3);
  answers.replica(text.substr(0, 10'000));
  EXPECT_EQ(answers.checker().ahead(), 10'000U);
  EXPECT_EQ(answers.checker().compared(), 0U);
  answers.replica(text.substr(10'000));
  EXPECT_EQ(answers.checker().room(), 0U);  // production has to answer first
  answers.production(text.substr(0, 3));
  EXPECT_EQ(answers.checker().compared(), 3U);
  EXPECT_EQ(answers.checker().room(), 3U);
  answers.production(text.substr(3));
  EXPECT_EQ(answers.checker().compared(), text.size());
  EXPECT_EQ(answers.checker().ahead(), 0U);
  EXPECT_FALSE(answers.checker().diverged());
}

TEST(Checker, ADifferenceIsSeenWhenProductionSaysIt) {
  Answers answers;
  answers.replica("helloworld");
  answers.production("hello");
  EXPECT_FALSE(answers.checker().diverged());
  answers.production("World");
  ASSERT_TRUE(answers.checker().diverged());
  EXPECT_EQ(answers.checker().first()->production_offset, 5U);
}

TEST(Checker, TheReplicaEndsEarly) {
  Answers answers;
  answers.production("hello");
  answers.replica("hel");
  answers.checker().replica_ended();
  answers.step();
  ASSERT_TRUE(answers.checker().diverged());
  EXPECT_EQ(answers.checker().first()->production_offset, 3U);
  EXPECT_EQ(answers.checker().first()->production, "hello");
  EXPECT_TRUE(answers.checker().closed());
  EXPECT_EQ(answers.checker().needed_from(), UINT64_MAX);
  EXPECT_EQ(answers.checker().compared(), 3U);
}

TEST(Checker, TheReplicaEndsBeforeProductionSaysMore) {
  Answers answers;
  answers.production("hello");
  answers.replica("hello");
  answers.checker().replica_ended();
  answers.step();
  EXPECT_FALSE(answers.checker().diverged());
  answers.production("!");
  ASSERT_TRUE(answers.checker().diverged());
  EXPECT_EQ(answers.checker().first()->production_offset, 5U);
}

TEST(Checker, ProductionEndsEarly) {
  Answers answers;
  answers.production("hello");
  answers.replica("hello world");
  EXPECT_FALSE(answers.checker().diverged());
  answers.step(true);
  ASSERT_TRUE(answers.checker().diverged());
  EXPECT_EQ(answers.checker().first()->production_offset, 5U);
  EXPECT_EQ(answers.checker().first()->replica, "hello world");
  EXPECT_TRUE(answers.checker().closed());
}

TEST(Checker, ALeavingReplicaDiverges) {
  Answers answers;
  answers.production("hello");
  answers.replica("he");
  answers.checker().replica_left("it broke the session");
  ASSERT_TRUE(answers.checker().diverged());
  EXPECT_EQ(answers.checker().first()->production_offset, 2U);
  EXPECT_EQ(answers.checker().first()->why, "it broke the session");
  Answers closed;
  closed.checker().close();
  closed.checker().replica_left("it broke the session");
  EXPECT_FALSE(closed.checker().diverged());
}

TEST(Checker, HashesStandForBytesThatAreNotKept) {
  Answers answers;
  const std::string text = random_bytes(100'000, 4);
  answers.production(text);
  answers.shed(10'000);
  EXPECT_LE(answers.held(), 10'000 + block);
  EXPECT_GT(answers.held(), 0U);
  for (std::size_t at = 0; at < text.size(); at += 999) {
    answers.replica(text.substr(at, 999));
    EXPECT_EQ(answers.checker().position(), std::min(at + 999, text.size()));
  }
  EXPECT_FALSE(answers.checker().diverged());
  EXPECT_EQ(answers.checker().compared(), text.size());
  EXPECT_EQ(answers.checker().skipped(), 0U);
}

TEST(Checker, InAHashedBlockADifferenceIsKnownToTheBlock) {
  Answers answers;
  const std::string text = random_bytes(100'000, 5);
  std::string other = text;
  other[3 * block + 100] ^= 1;
  other[7 * block] ^= 1;
  answers.production(text);
  answers.shed(0);
  EXPECT_LT(answers.held(), block);
  answers.replica(other.substr(0, 4 * block - 1));
  EXPECT_FALSE(answers.checker().diverged());  // the block is not complete
  answers.replica(other.substr(4 * block - 1, 60'000));
  ASSERT_TRUE(answers.checker().diverged());
  EXPECT_EQ(answers.checker().first()->production_offset, 3 * block);
  EXPECT_EQ(answers.checker().first()->replica_offset, 3 * block);
  EXPECT_EQ(answers.checker().first()->replica, other.substr(3 * block, 192));
  EXPECT_EQ(answers.checker().blocks_differing(), 2U);
}

TEST(Checker, BlocksEndAtTheSameOffsetsWhereverSheddingBegan) {
  Answers answers;
  const std::string text = random_bytes(20'000, 6);
  std::string other = text;
  other[5000] ^= 1;
  answers.production(text);
  answers.replica(other.substr(0, 100));
  answers.shed(0);
  answers.replica(other.substr(100));
  ASSERT_TRUE(answers.checker().diverged());
  EXPECT_EQ(answers.checker().first()->production_offset, block);
}

TEST(Checker, MaskedPartsMayHaveOtherLengths) {
  Answers answers({"^Date: .*$", "id=[0-9]+"});
  answers.production("HTTP/1.1 200 OK\r\nDate: Monday\r\nid=7 a=b\r\n\r\nbody\n");
  answers.replica("HTTP/1.1 200 OK\r\nDate: Tue\r\nid=12345 a=b\r\n\r\nbody\n");
  answers.step();
  EXPECT_FALSE(answers.checker().diverged());
  EXPECT_EQ(answers.checker().ahead(), 0U);
  answers.production("next\n");
  answers.replica("neXt\n");
  answers.step();
  ASSERT_TRUE(answers.checker().diverged());
  const Difference& first = *answers.checker().first();
  EXPECT_EQ(first.production_offset, 50U);
  EXPECT_EQ(first.replica_offset, 51U);
}

TEST(Checker, ALineMayComeInPieces) {
  const std::string ours = "a\nDate: Monday\nb\n";
  const std::string theirs = "a\nDate: Wednesday 12\nb\n";
  for (std::size_t production_piece = 1; production_piece < 8; ++production_piece) {
    for (std::size_t replica_piece = 1; replica_piece < 8; ++replica_piece) {
      Answers answers({"^Date: .*$"});
      std::size_t at = 0;
      for (std::size_t i = 0; i < ours.size() || at < theirs.size(); i += production_piece) {
        if (i < ours.size())
          answers.production(ours.substr(i, production_piece));
        if (at < theirs.size())
          answers.replica(theirs.substr(at, replica_piece));
        at += replica_piece;
        answers.step();
        EXPECT_FALSE(answers.checker().diverged());
      }
      answers.checker().replica_ended();
      answers.step(true);
      EXPECT_FALSE(answers.checker().diverged())
          << production_piece << '/' << replica_piece << ": " << answers.checker().first()->why;
      EXPECT_EQ(answers.checker().position(), ours.size());
    }
  }
}

TEST(Checker, AnUnfinishedLineIsWaitedForUntilAllIsIdle) {
  Answers answers({"[0-9]+"});
  answers.production("time 12");
  answers.replica("time 3");
  EXPECT_TRUE(answers.checker().in_line());
  EXPECT_EQ(answers.checker().position(), 5U);
  answers.step(false, true);
  EXPECT_FALSE(answers.checker().in_line());
  EXPECT_EQ(answers.checker().position(), 7U);
  EXPECT_FALSE(answers.checker().diverged());
}

TEST(Checker, WithMasksASessionThatCannotBeKeptIsComparedNoFurther) {
  Answers answers({"^Date: .*$"});
  std::string text;
  for (int i = 0; i < 20'000; ++i)
    text += "line " + std::to_string(i) + "\n";
  std::string other = text;
  other[100] = '#';  // would be seen, if it were compared
  answers.production(text);
  answers.shed(text.size());
  EXPECT_FALSE(answers.checker().closed());
  answers.shed(0);
  EXPECT_TRUE(answers.checker().closed());
  answers.replica(other.substr(0, 1000));
  EXPECT_FALSE(answers.checker().diverged());
  EXPECT_EQ(answers.checker().compared(), 0U);
}

TEST(Checker, LongLinesAreNotWaitedForForEver) {
  Answers answers({"^Date: .*$"});
  const std::string text(200'000, 'x');
  std::string other = text;
  other[150'000] = 'y';
  for (std::size_t at = 0; at < text.size(); at += 20'000) {
    answers.production(text.substr(at, 20'000));
    answers.replica(other.substr(at, 20'000));
    EXPECT_LE(answers.held(), 3 * block);
  }
  ASSERT_TRUE(answers.checker().diverged());
  EXPECT_EQ(answers.checker().first()->production_offset, 150'000U);
}

/// Random pieces, sheddings and differences against a comparison of two strings.
TEST(Checker, AgreesWithANaiveComparison) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    const std::string ours = random_bytes(1 + random() % 120'000, seed);
    std::string theirs = ours;
    for (std::uint64_t left = random() % 4; left > 0; --left)
      theirs[random() % theirs.size()] ^= 4;
    const bool shedding = seed % 2 == 0;
    std::set<std::size_t> blocks;
    std::size_t first = ours.size();
    for (std::size_t i = ours.size(); i-- > 0;) {
      if (ours[i] == theirs[i])
        continue;
      first = i;
      blocks.insert(i / block);
    }

    Answers answers;
    std::size_t produced = 0;
    std::size_t answered = 0;
    while (produced < ours.size() || answered < theirs.size()) {
      const std::size_t most = random() % 2 == 0 ? 50 : 9000;
      if (random() % 2 == 0) {
        const std::size_t part = std::min(random() % most, ours.size() - produced);
        if (part > 0)
          answers.production(ours.substr(produced, part));
        produced += part;
      } else {
        const std::size_t part =
            std::min({random() % most, theirs.size() - answered, answers.checker().room()});
        if (part > 0)
          answers.replica(theirs.substr(answered, part));
        answered += part;
      }
      if (shedding && random() % 8 == 0)
        answers.shed(random() % 2 * 6000);
      answers.step();
      Checker& checker = answers.checker();
      ASSERT_EQ(checker.position(), std::min(produced, answered));
      ASSERT_EQ(checker.answered(), answered);
      ASSERT_EQ(checker.compared() + checker.skipped(), checker.position());
      ASSERT_EQ(checker.ahead(), answered - checker.position());
      if (checker.diverged()) {
        ASSERT_GT(checker.position(), first);
      }
      if (!shedding) {
        ASSERT_EQ(checker.diverged(), checker.position() > first);
      }
    }
    answers.checker().replica_ended();
    answers.step(true, true);
    const Checker& checker = answers.checker();
    ASSERT_EQ(checker.diverged(), !blocks.empty());
    if (blocks.empty())
      continue;
    const Difference& difference = *checker.first();
    ASSERT_LE(difference.production_offset, first);
    ASSERT_GT(difference.production_offset + block, first);
    if (!shedding) {
      ASSERT_EQ(difference.production_offset, first);
    }
    ASSERT_EQ(difference.replica_offset, difference.production_offset);
    ASSERT_EQ(checker.blocks_differing(), blocks.size());
  }
}

}  // namespace
}  // namespace parikshan::divergence
