#include "duplicator/fed_session.h"

#include <sys/epoll.h>

#include <functional>
#include <optional>

#include "loopback.h"
#include "stream_fixture.h"

namespace parikshan::duplicator {
namespace {

using net::Address;
using stream::append;
using stream::End;
using stream::SessionStreams;

/// One session, fed to one replica whose server is the test itself.
class FedSessionTest : public testing::Test {
 protected:
  explicit FedSessionTest(std::uint64_t memory = 4 << 20)
      : pool_(stream::make_pool(memory)),
        news_(std::move(make_event_fd().value())),
        port_(1, Address(), Address(), true, false, 1),
        listener_(net::listen_on_loopback(address_)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        streams_(new SessionStreams({7, 1, 0, "127.0.0.1:1"}, *pool_, false, news_)) {
    session_.emplace(streams_, port_, nullptr);
  }
  ~FedSessionTest() override {
    session_.reset();
    if (!closed_)
      close();
    hear_news();
    EXPECT_EQ(pool_->chunks_out(), 0U);
  }

  void begin() {
    replica_.emplace(port_, address_);
    session_->add_leg(*replica_, masks_, epoll_.get(), 1 << 20);
  }
  void accept() {
    ASSERT_TRUE(net::await_events(listener_.get(), POLLIN));
    server_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    ASSERT_TRUE(server_.valid());
  }
  void turn() {
    epoll_event events[8];
    const int ready = ::epoll_wait(epoll_.get(), events, 8, 0);
    for (int i = 0; i < ready; ++i)
      static_cast<ReplicaLeg*>(events[i].data.ptr)->note(events[i].events);
    session_->turn(limits_, now_ms_, scratch_);
  }
  /// Turns until `done`; false when that takes too long.
  bool turn_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + stream::patience;
    for (turn(); !done(); turn()) {
      if (std::chrono::steady_clock::now() > deadline)
        return false;
      net::await_events(epoll_.get(), POLLIN, 1);
    }
    return true;
  }
  void end(End how) {
    streams_->client_to_production.finish(how);
    streams_->production_to_client.finish(how);
  }
  void close() {
    closed_ = true;
    streams_->close();
  }
  void hear_news() {
    for (SessionStreams* streams = news_.take_all(); streams != nullptr;) {
      SessionStreams* const next = SessionStreams::News::taken(streams);
      streams->drop();
      streams = next;
    }
  }
  ReplicaLeg& leg() { return session_->legs().front(); }
  SessionRecord record() { return session_->record(leg()); }

  std::unique_ptr<stream::ChunkPool> pool_;
  SessionStreams::News news_;
  Port port_;
  Address address_;
  Fd listener_, epoll_, server_;
  divergence::Masks masks_;
  SessionStreams* streams_;
  std::optional<Replica> replica_;
  std::optional<FedSession> session_;
  FedSession::Limits limits_{1 << 20, 1 << 20, 1 << 20};
  std::string scratch_;
  std::int64_t now_ms_ = 1;
  bool closed_ = false;
};

TEST_F(FedSessionTest, FeedsAndComparesToTheEnd) {
  begin();
  append(streams_->client_to_production, "question");
  append(streams_->production_to_client, "answer");
  accept();
  ASSERT_TRUE(turn_until([this] { return leg().cursor() == 8; }));
  int errnum = 0;
  EXPECT_EQ(net::receive_now(server_.get(), 100, errnum), "question");
  EXPECT_EQ(net::send_now(server_.get(), "answer"), 6U);
  ASSERT_TRUE(turn_until([this] { return leg().checker().position() == 6; }));
  end(End::fin);
  turn();
  ASSERT_TRUE(net::await_events(server_.get(), POLLIN));
  EXPECT_EQ(net::receive_now(server_.get(), 100, errnum), "");
  EXPECT_EQ(errnum, 0);  // the end of the stream, in order
  EXPECT_FALSE(session_->over());
  server_.reset();
  ASSERT_TRUE(turn_until([this] { return leg().phase() == ReplicaLeg::Phase::over; }));
  EXPECT_FALSE(session_->over());  // the production side still has it
  close();
  EXPECT_TRUE(session_->over());
  EXPECT_FALSE(record().is_lost);
  EXPECT_FALSE(record().diverged);
  EXPECT_EQ(record().account.delivered, 8U);
  EXPECT_EQ(record().account.compared, 6U);
}

TEST_F(FedSessionTest, AReplicaThatNeverEndsIsGivenUp) {
  begin();
  accept();
  append(streams_->client_to_production, "question");
  ASSERT_TRUE(turn_until([this] { return leg().cursor() == 8; }));
  end(End::fin);
  turn();
  EXPECT_EQ(leg().phase(), ReplicaLeg::Phase::open);
  now_ms_ += 60'000;
  turn();
  EXPECT_EQ(leg().phase(), ReplicaLeg::Phase::over);
  EXPECT_FALSE(record().is_lost);
  EXPECT_EQ(record().account.lost, 0U);
}

TEST_F(FedSessionTest, AReplicaThatRefusesIsADivergence) {
  listener_.reset();
  begin();
  append(streams_->client_to_production, "question");
  ASSERT_TRUE(turn_until([this] { return leg().is_lost(); }));
  EXPECT_EQ(leg().phase(), ReplicaLeg::Phase::over);
  EXPECT_FALSE(leg().overflowed());
  EXPECT_TRUE(record().diverged);
  EXPECT_EQ(record().account.lost, 8U);
  EXPECT_NE(record().lost_why.find("refused"), std::string::npos) << record().lost_why;
  // Nobody reads: what comes from here on is counted, not kept.
  turn();
  append(streams_->client_to_production, "more");
  EXPECT_EQ(record().account.lost, 12U);
  EXPECT_EQ(streams_->client_to_production.end(), 8U);
}

TEST_F(FedSessionTest, WhatCameAfterTheLastTurnGoesBackToThePool) {
  begin();
  turn();
  leg().lose("detached", true);
  append(streams_->client_to_production, std::string(300'000, 'x'));
  append(streams_->production_to_client, std::string(10'000, 'x'));
  close();
  EXPECT_TRUE(session_->over());  // without another turn; the fixture counts the chunks
}

TEST_F(FedSessionTest, NoDescriptorsAreTakenBeyondTheLimit) {
  replica_.emplace(port_, address_);
  session_->add_leg(*replica_, masks_, epoll_.get(), 3);
  EXPECT_TRUE(leg().is_lost());
  EXPECT_TRUE(leg().overflowed());
  EXPECT_FALSE(record().diverged);
}

class FedSessionWithLittleMemory : public FedSessionTest {
 protected:
  FedSessionWithLittleMemory() : FedSessionTest(2 * stream::large_chunk) {}
};

/// The pool runs dry in the middle of production's answer. That is our own loss: the replica, which
/// answers all of it, must neither be blamed for it nor be kept from going on.
TEST_F(FedSessionWithLittleMemory, WhatWeCouldNotKeepIsNoDivergence) {
  begin();
  accept();
  append(streams_->client_to_production, "question");
  const std::string answer = stream::random_bytes(400'000, 1);
  append(streams_->production_to_client, answer);
  ASSERT_TRUE(streams_->production_to_client.broken());
  const std::uint64_t kept = streams_->production_to_client.end();
  ASSERT_LT(kept, answer.size());
  std::size_t said = 0;
  ASSERT_TRUE(turn_until([&] {
    said += net::send_now(server_.get(), std::string_view(answer).substr(said));
    return said == answer.size();
  }));
  ASSERT_TRUE(turn_until([this] { return leg().checker().closed(); }));
  EXPECT_EQ(leg().cursor(), 8U);
  end(End::fin);
  ::shutdown(server_.get(), SHUT_WR);
  ASSERT_TRUE(turn_until([this] { return leg().phase() == ReplicaLeg::Phase::over; }));
  EXPECT_FALSE(record().diverged) << record().divergent_why;
  const Account sums = record().account;
  EXPECT_EQ(sums.produced, answer.size());
  EXPECT_EQ(sums.compared, kept);
  EXPECT_EQ(sums.uncompared, answer.size() - kept);
}

TEST_F(FedSessionWithLittleMemory, ADryPoolCutsOffAtAKnownByte) {
  begin();
  accept();
  append(streams_->client_to_production, std::string(1000, 'x'));
  ASSERT_TRUE(turn_until([this] { return leg().cursor() == 1000; }));
  append(streams_->client_to_production, std::string(400'000, 'x'));
  turn();
  EXPECT_TRUE(record().is_lost);
  EXPECT_TRUE(record().overflowed);
  EXPECT_FALSE(record().diverged);
  EXPECT_EQ(record().first_lost, 1000U);
  EXPECT_EQ(record().account.lost, 400'000U);
}

}  // namespace
}  // namespace parikshan::duplicator
