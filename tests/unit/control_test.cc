// The control socket against clients of every kind. Server and clients share a thread, so that each
// test says exactly who does what when; nothing waits longer than `patience`.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "control_fixture.h"

namespace parikshan::control {
namespace {

using namespace std::chrono_literals;

TEST_F(ControlTest, AnswersAndForgetsClients) {
  expect_healthy();
  EXPECT_TRUE(serve_until([&] { return server->connections() == 0; }));
}

TEST_F(ControlTest, PipelinedCallsAreAnsweredInOrder) {
  RawClient client(path);
  std::string calls;
  for (int i = 0; i < 200; ++i)
    calls += message("{\"method\":\"io.parikshan.Nothing" + std::to_string(i) + "\"}");
  ASSERT_EQ(client.send(calls), calls.size());
  client.half_close();
  ASSERT_TRUE(serve_until_ended(client));
  ASSERT_EQ(client.replies(), 200U);
  std::size_t at = 0;
  for (int i = 0; i < 200; ++i) {
    at = client.received().find("Nothing" + std::to_string(i) + "\"", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST_F(ControlTest, OnewayBeforeCloseStillCounts) {
  RawClient client(path);
  client.send(message(R"({"method":"io.parikshan.Reload","oneway":true})"));
  client.close();
  EXPECT_TRUE(serve_until([&] { return !source.calls.empty(); }));
  EXPECT_TRUE(serve_until([&] { return server->connections() == 0; }));
}

TEST_F(ControlTest, MessagesInPiecesAreOneMessage) {
  RawClient client(path);
  for (const char c : message(status_call)) {
    EXPECT_EQ(client.replies(), 0U);
    client.send(std::string_view(&c, 1));
    server->dispatch();
    client.receive();
  }
  EXPECT_TRUE(serve_replies(client, 1));
}

TEST_F(ControlTest, RubbishIsToldSoAndClosed) {
  RawClient client(path);
  client.send(message("GET / HTTP/1.1\r\n\r\n") + message(status_call));
  ASSERT_TRUE(serve_until_ended(client));
  EXPECT_EQ(client.replies(), 1U);
  EXPECT_NE(client.received().find("io.parikshan.NotPossible"), std::string::npos);
  expect_healthy();
}

TEST_F(ControlTest, HugeMessagesAreCutOffEarly) {
  RawClient client(path);
  const std::string piece(65536, 'x');
  std::size_t most = 0;
  ASSERT_TRUE(serve_until([&] {
    client.send(piece);
    most = std::max(most, server->buffered());
    client.receive();
    return client.ended();
  }));
  EXPECT_NE(client.received().find("too long"), std::string::npos);
  EXPECT_LE(most, Limits().request + 65536);
  expect_healthy();
}

TEST_F(ControlTest, TheLongestMessageIsStillTaken) {
  const Limits limits;
  std::string call(status_call);
  call += std::string(limits.request - call.size(), ' ');
  for (const bool one_more : {false, true}) {
    RawClient client(path);
    const std::string bytes = message(one_more ? call + ' ' : call);
    std::size_t sent = 0;
    ASSERT_TRUE(serve_until([&] {
      if (sent < bytes.size())
        sent += client.send(std::string_view(bytes).substr(sent));
      client.receive();
      return client.replies() == 1;
    }));
    EXPECT_EQ(client.received().find("\"error\"") != std::string::npos, one_more);
  }
}

TEST_F(ControlTest, HalfMessagesAreDroppedInTime) {
  Limits limits;
  limits.patience = 150ms;
  start(limits);
  RawClient half(path);
  half.send(R"({"method":)");
  const auto begin = Clock::now();
  ASSERT_TRUE(serve_until_ended(half));
  EXPECT_GE(Clock::now() - begin, 140ms);
  EXPECT_NE(half.received().find("not finished in time"), std::string::npos);
  expect_healthy();
}

TEST_F(ControlTest, ASlowTrickleDoesNotBuyTime) {
  Limits limits;
  limits.patience = 150ms;
  start(limits);
  RawClient trickle(path);
  ASSERT_TRUE(serve_until([&] {
    trickle.send(" ");
    trickle.receive();
    return trickle.ended();
  }));
}

TEST_F(ControlTest, IdleClientsMayStay) {
  Limits limits;
  limits.patience = 20ms;
  start(limits);
  RawClient idle(path);
  idle.send(message(status_call));
  ASSERT_TRUE(serve_replies(idle, 1));
  const auto later = Clock::now() + 100ms;
  ASSERT_TRUE(serve_until([&] { return Clock::now() > later; }));
  idle.send(message(status_call));
  EXPECT_TRUE(serve_replies(idle, 2));
}

TEST_F(ControlTest, AClientThatNeverReadsIsBoundedAndClosed) {
  Limits limits;
  limits.patience = 200ms;
  start(limits);
  source.entries.assign(2000, source.entries.at(0));
  RawClient deaf(path);
  std::string calls;
  for (int i = 0; i < 100; ++i)
    calls += message(R"({"method":"io.parikshan.Ledger"})");
  deaf.send(calls);
  std::size_t most = 0;
  ASSERT_TRUE(serve_until([&] {
    deaf.send(calls);
    most = std::max(most, server->buffered());
    return server->connections() == 0 && most > 0;
  }));
  EXPECT_LE(most, limits.output + limits.request);
  EXPECT_GT(most, 100000U);
  source.entries.resize(1);
  expect_healthy();
}

TEST_F(ControlTest, ASlowReaderGetsEverything) {
  source.entries.assign(500, source.entries.at(0));
  RawClient client(path);
  std::string calls;
  for (int i = 0; i < 20; ++i)
    calls += message(R"({"method":"io.parikshan.Ledger"})");
  ASSERT_EQ(client.send(calls), calls.size());
  EXPECT_TRUE(serve_replies(client, 20));
}

TEST_F(ControlTest, RepliesBeyondTheBoundCloseTheConnection) {
  Limits limits;
  limits.output = 1000;
  start(limits);
  RawClient client(path);
  client.send(message(status_call));
  ASSERT_TRUE(serve_until_ended(client));
  EXPECT_EQ(client.replies(), 0U);
}

TEST_F(ControlTest, OneTooManyIsToldSo) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < Limits().connections; ++i) {
    clients.push_back(std::make_unique<RawClient>(path));
    ASSERT_TRUE(clients.back()->connected());
    ASSERT_TRUE(serve_until([&] { return server->connections() == i + 1; }));
  }
  RawClient extra(path);
  ASSERT_TRUE(serve_until_ended(extra));
  EXPECT_NE(extra.received().find("too many connections"), std::string::npos);
  clients.back()->send(message(status_call));
  EXPECT_TRUE(serve_replies(*clients.back(), 1));
  clients.pop_back();
  ASSERT_TRUE(serve_until([&] { return server->connections() == clients.size(); }));
  expect_healthy();
}

TEST_F(ControlTest, RunningOutOfDescriptorsIsSurvivedWithoutSpinning) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  RawClient waiting(path);
  ASSERT_TRUE(waiting.connected());
  // The next descriptor number there is becomes the limit: accept has none left.
  const int next = ::dup(0);
  ::close(next);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  int turns = 0;
  const auto later = Clock::now() + 300ms;
  EXPECT_TRUE(serve_until([&] {
    ++turns;
    return Clock::now() > later;
  }));
  EXPECT_EQ(server->connections(), 0U);
  EXPECT_LT(turns, 150);  // a pass each 5 ms at most, where a spinning loop makes thousands
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  waiting.send(message(status_call));
  EXPECT_TRUE(serve_replies(waiting, 1));
}

TEST_F(ControlTest, WatchStreamsUntilTheClientLeaves) {
  RawClient client(path);
  client.send(
      message(R"({"method":"io.parikshan.Watch","more":true,"parameters":{"period_ms":50}})"));
  client.send(message(status_call));
  ASSERT_TRUE(serve_replies(client, 3));
  EXPECT_EQ(client.received().find("\"name\":\"mysql\",\"policy_source\""),
            client.received().find("\"status\":{") + 10);
  client.close();
  EXPECT_TRUE(serve_until([&] { return server->connections() == 0; }));
}

}  // namespace
}  // namespace parikshan::control
