#include "net/relay.h"

#include <sys/epoll.h>

#include "loopback.h"
#include "stream_fixture.h"

namespace parikshan::net {
namespace {

using Outcome = Relay::Outcome;

/// source (the test) -> from [relay] to -> sink (the test), driven by edge-triggered epoll as a
/// production thread does.
class RelayTest : public testing::Test {
 protected:
  RelayTest() : pool_(stream::make_pool(32 << 20)), log_(*pool_, false) {
    std::tie(source_, from_.fd) = tcp_pair();
    std::tie(sink_, to_.fd) = tcp_pair();
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    for (Leg* leg : {&from_, &to_}) {
      epoll_event wanted{};
      wanted.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
      wanted.data.ptr = leg;
      EXPECT_EQ(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, leg->fd.get(), &wanted), 0);
    }
    note(0);
  }

  /// Hears epoll; false when nothing came in time.
  bool note(int timeout_ms) {
    epoll_event events[4];
    const int ready = ::epoll_wait(epoll_.get(), events, 4, timeout_ms);
    for (int i = 0; i < ready; ++i)
      static_cast<Leg*>(events[i].data.ptr)->note(events[i].events);
    return ready > 0;
  }
  Outcome pump() { return relay_.pump(from_, to_, buffers_, &log_, false); }

  /// Pumps until the outcome is `wanted`, and waits for events in between.
  bool pump_until(Outcome wanted) {
    for (;;) {
      const Outcome outcome = pump();
      if (outcome == wanted)
        return true;
      if (outcome == Outcome::more)
        continue;
      if (outcome != Outcome::blocked || !note(10'000))
        return false;
    }
  }
  /// Pumps until the sink has `length` more bytes.
  std::string pump_and_receive(std::size_t length) {
    std::string bytes;
    const auto deadline = std::chrono::steady_clock::now() + stream::patience;
    while (bytes.size() < length && std::chrono::steady_clock::now() < deadline) {
      const Outcome outcome = pump();
      int errnum = 0;
      bytes += receive_now(sink_.get(), length - bytes.size(), errnum);
      if (outcome == Outcome::blocked && bytes.size() < length)
        note(10);
    }
    return bytes;
  }
  std::string logged() {
    stream::Retention retention(log_, nullptr);
    retention.refresh();
    return stream::read_from(retention, nullptr, 0);
  }

  std::unique_ptr<stream::ChunkPool> pool_;
  stream::StreamLog log_;
  HotBuffers buffers_;
  Relay relay_;
  Leg from_, to_;
  Fd source_, sink_, epoll_;
};

TEST_F(RelayTest, ForwardsAndCopies) {
  ASSERT_EQ(send_now(source_.get(), "hello"), 5U);
  EXPECT_EQ(pump_and_receive(5), "hello");
  EXPECT_EQ(relay_.take_moved(), 5U);
  EXPECT_EQ(relay_.take_moved(), 0U);
  EXPECT_EQ(pump(), Outcome::blocked);
  EXPECT_EQ(logged(), "hello");
}

TEST_F(RelayTest, NeedsNoLog) {
  ASSERT_EQ(send_now(source_.get(), "hello"), 5U);
  ASSERT_TRUE(note(10'000) || from_.readable);
  EXPECT_EQ(relay_.pump(from_, to_, buffers_, nullptr, false), Outcome::blocked);
  ASSERT_TRUE(await_events(sink_.get(), POLLIN));
  int errnum = 0;
  EXPECT_EQ(receive_now(sink_.get(), 100, errnum), "hello");
  EXPECT_EQ(log_.due(), 0U);
}

TEST_F(RelayTest, SingleBytesArriveOneByOne) {
  std::string sent;
  for (int i = 0; i < 500; ++i) {
    const char byte = static_cast<char>(i);
    ASSERT_EQ(send_now(source_.get(), {&byte, 1}), 1U);
    ASSERT_EQ(pump_and_receive(1), std::string(1, byte));
    sent += byte;
  }
  EXPECT_EQ(log_.appends(), 500U);
  EXPECT_EQ(logged(), sent);
}

TEST_F(RelayTest, BulkArrivesWhole) {
  const std::string all = stream::random_bytes(12 << 20, 1);
  std::string got;
  std::size_t sent = 0;
  const auto deadline = std::chrono::steady_clock::now() + stream::patience;
  while (got.size() < all.size() && std::chrono::steady_clock::now() < deadline) {
    if (sent < all.size())
      sent += send_now(source_.get(), std::string_view(all).substr(sent));
    const Outcome outcome = pump();
    ASSERT_TRUE(outcome == Outcome::blocked || outcome == Outcome::more);
    int errnum = 0;
    got += receive_now(sink_.get(), 1 << 20, errnum);
    note(outcome == Outcome::more ? 0 : 10);
  }
  EXPECT_TRUE(got == all);
  EXPECT_EQ(relay_.take_moved(), all.size());
  EXPECT_TRUE(logged() == all);
}

TEST_F(RelayTest, AFullReceiverClosesTheSource) {
  const std::string all = stream::random_bytes(40 << 20, 2);
  // Until nothing moves: the kernel's buffers on both sides and one buffer of the relay are full.
  std::size_t sent = 0;
  for (int still = 0; still < 20;) {
    const std::size_t part = send_now(source_.get(), std::string_view(all).substr(sent));
    sent += part;
    const Outcome outcome = pump();
    ASSERT_TRUE(outcome == Outcome::blocked || outcome == Outcome::more);
    const bool moved = relay_.take_moved() > 0 || part > 0;
    still = moved || note(10) ? 0 : still + 1;
  }
  ASSERT_LT(sent, all.size());
  EXPECT_TRUE(relay_.waiting());
  EXPECT_EQ(pump(), Outcome::blocked);
  EXPECT_EQ(relay_.take_moved(), 0U);  // the source is not read on
  ::shutdown(source_.get(), SHUT_WR);

  std::string got;
  int errnum = EAGAIN;
  const auto deadline = std::chrono::steady_clock::now() + stream::patience;
  while (errnum == EAGAIN && std::chrono::steady_clock::now() < deadline) {
    got += receive_now(sink_.get(), 1 << 20, errnum);
    note(1);
    pump();
  }
  EXPECT_EQ(errnum, 0);  // the end comes, and behind all bytes
  EXPECT_TRUE(got == all.substr(0, sent));
  EXPECT_TRUE(logged() == got);
  EXPECT_TRUE(relay_.finished());
  EXPECT_FALSE(relay_.waiting());
}

TEST_F(RelayTest, AHalfCloseLeavesTheOtherDirectionOpen) {
  ASSERT_EQ(send_now(source_.get(), "last"), 4U);
  ::shutdown(source_.get(), SHUT_WR);
  ASSERT_TRUE(pump_until(Outcome::finished));
  EXPECT_EQ(pump(), Outcome::finished);
  std::string got;
  for (int errnum = EAGAIN; errnum == EAGAIN;) {
    ASSERT_TRUE(await_events(sink_.get(), POLLIN));
    got += receive_now(sink_.get(), 100, errnum);
    if (errnum != EAGAIN) {
      EXPECT_EQ(errnum, 0);
    }
  }
  EXPECT_EQ(got, "last");

  Relay back;
  ASSERT_EQ(send_now(sink_.get(), "answer"), 6U);
  ASSERT_TRUE(await_events(to_.fd.get(), POLLIN));
  note(0);
  ASSERT_EQ(back.pump(to_, from_, buffers_, nullptr, false), Outcome::blocked);
  ASSERT_TRUE(await_events(source_.get(), POLLIN));
  int errnum = 0;
  EXPECT_EQ(receive_now(source_.get(), 100, errnum), "answer");
}

TEST_F(RelayTest, AResetSourceIsToldOf) {
  reset_and_close(std::move(source_));
  EXPECT_TRUE(pump_until(Outcome::source_broke));
  EXPECT_FALSE(relay_.finished());
  EXPECT_EQ(logged(), "");
}

TEST_F(RelayTest, AResetReceiverIsToldOf) {
  ASSERT_TRUE(await_events(to_.fd.get(), POLLOUT));
  reset_and_close(std::move(sink_));
  ASSERT_TRUE(await_events(to_.fd.get(), POLLIN));  // the reset is here
  to_.writable = true;
  ASSERT_EQ(send_now(source_.get(), "hello"), 5U);
  EXPECT_TRUE(pump_until(Outcome::receiver_broke));
  EXPECT_EQ(log_.due(), 5U);  // production was sent them, as far as anyone can tell
  EXPECT_EQ(logged(), "hello");
}

TEST_F(RelayTest, AReceiverThatBreaksWhileBytesWaitIsToldOf) {
  const std::string all(40 << 20, 'x');
  for (std::size_t sent = 0; !relay_.waiting();) {
    sent += send_now(source_.get(), std::string_view(all).substr(sent));
    ASSERT_LT(sent, all.size());
    pump();
    note(1);
  }
  reset_and_close(std::move(sink_));
  EXPECT_TRUE(pump_until(Outcome::receiver_broke));
}

TEST_F(RelayTest, PacedWaitsForTheReaders) {
  ASSERT_EQ(send_now(source_.get(), "one"), 3U);
  ASSERT_TRUE(await_events(from_.fd.get(), POLLIN));
  note(0);
  EXPECT_EQ(relay_.pump(from_, to_, buffers_, &log_, true), Outcome::blocked);
  EXPECT_EQ(log_.due(), 3U);
  ASSERT_EQ(send_now(source_.get(), "two"), 3U);
  ASSERT_TRUE(await_events(from_.fd.get(), POLLIN));
  note(0);
  EXPECT_EQ(relay_.pump(from_, to_, buffers_, &log_, true), Outcome::blocked);
  EXPECT_EQ(log_.due(), 3U);
  log_.pace(3);
  EXPECT_EQ(relay_.pump(from_, to_, buffers_, &log_, true), Outcome::blocked);
  EXPECT_EQ(log_.due(), 6U);
  EXPECT_EQ(logged(), "onetwo");
}

TEST(HotBuffers, AreUsedAgain) {
  HotBuffers buffers;
  std::byte* const first = buffers.hot();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(buffers.hot(), first);
  HotBuffers::Buffer taken = buffers.take();
  EXPECT_EQ(taken.get(), first);
  EXPECT_NE(buffers.hot(), first);
  HotBuffers::Buffer second = buffers.take();
  buffers.give_back(std::move(taken));
  EXPECT_EQ(buffers.hot(), first);
}

}  // namespace
}  // namespace parikshan::net
