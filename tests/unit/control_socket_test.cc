// The control socket's path, who may talk on it, and the client that calls it.
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "control/client.h"
#include "control/peer.h"
#include "control_fixture.h"

namespace parikshan::control {
namespace {

using namespace std::chrono_literals;

class ControlSocketTest : public ControlTest {};

TEST_F(ControlSocketTest, AStaleSocketIsReplacedAndALiveOneIsNot) {
  Server second(source);
  const auto live = second.listen(path, "no-such-group");
  ASSERT_FALSE(live.ok());
  EXPECT_EQ(live.error().errnum, EADDRINUSE);
  expect_healthy();

  // As a daemon that was killed leaves it: the file stays, nobody listens.
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
  std::filesystem::create_directory(std::filesystem::path(path).parent_path());
  const auto address = net::Address::parse("unix:" + path);
  Fd stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(stale.get(), address->data(), address->size()), 0);
  ASSERT_EQ(::listen(stale.get(), 1), 0);
  Server third(source);
  EXPECT_EQ(third.listen(path, "no-such-group").error().errnum, EADDRINUSE);
  stale.reset();
  start({});
  expect_healthy();
}

TEST_F(ControlSocketTest, WhatIsNoSocketIsLeftAlone) {
  server.reset();
  std::filesystem::create_directory(std::filesystem::path(path).parent_path());
  std::ofstream(path) << "precious";
  Server other(source);
  EXPECT_FALSE(other.listen(path, "no-such-group").ok());
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ControlSocketTest, OnlyItsOwnSocketIsRemoved) {
  std::filesystem::rename(path, path + ".moved");
  std::ofstream(path) << "somebody else's";
  server.reset();
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(ControlSocketTest, NobodyElseMayOpenIt) {
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  server.reset();
  if (::geteuid() == 0) {
    server = std::make_unique<Server>(source);
    ASSERT_TRUE(server->listen(path, "nogroup").ok());
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0660U);
    EXPECT_EQ(status.st_gid, *group_id("nogroup"));
  }
}

TEST_F(ControlSocketTest, CredentialsDecide) {
  const Peer root{0, 0, {}};
  const Peer own{1000, 1000, {}};
  const Peer member{1001, 1001, {5, 42}};
  const Peer primary{1001, 42, {}};
  const Peer stranger{1001, 1001, {5, 6}};
  EXPECT_TRUE(may_talk(root, 1000, std::nullopt));
  EXPECT_TRUE(may_talk(own, 1000, std::nullopt));
  EXPECT_TRUE(may_talk(member, 1000, 42));
  EXPECT_TRUE(may_talk(primary, 1000, 42));
  EXPECT_FALSE(may_talk(member, 1000, std::nullopt));
  EXPECT_FALSE(may_talk(stranger, 1000, 42));
  EXPECT_FALSE(group_id("no-such-group").has_value());
}

TEST_F(ControlSocketTest, StrangersAreToldSoAndClosed) {
  if (::geteuid() != 0)
    GTEST_SKIP() << "needs root: a client of another user is made by setuid";
  // As if somebody had opened the file to all: the credentials still decide.
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool dropped =
        ::setgroups(0, nullptr) == 0 && ::setgid(65534) == 0 && ::setuid(65534) == 0;
    RawClient client(path);
    client.send(message(status_call));
    const auto end = Clock::now() + patience;
    while (dropped && !client.ended() && Clock::now() < end) {
      client.receive();
      ::poll(nullptr, 0, 5);
    }
    const std::string& got = client.received();
    if (::write(ends[1], got.data(), got.size()) < 0)
      ::_exit(1);
    ::_exit(0);
  }
  ASSERT_GT(child, 0);
  ::close(ends[1]);
  int status = -1;
  EXPECT_TRUE(serve_until([&] { return ::waitpid(child, &status, WNOHANG) == child; }));
  char buffer[4096];
  const ssize_t got = ::read(ends[0], buffer, sizeof buffer);
  ::close(ends[0]);
  ASSERT_GT(got, 0);
  const std::string reply(buffer, static_cast<std::size_t>(got));
  EXPECT_NE(reply.find("io.parikshan.PermissionDenied"), std::string::npos) << reply;
  EXPECT_EQ(reply.find("mysql"), std::string::npos);
  EXPECT_EQ(server->connections(), 0U);
}

TEST_F(ControlSocketTest, TheRuntimeDirectoryIsTheUsers) {
  EXPECT_EQ(runtime_directory_for(0, "/run/user/0"), "/run/parikshan");
  EXPECT_EQ(runtime_directory_for(1000, "/run/user/1000"), "/run/user/1000/parikshan");
  EXPECT_EQ(runtime_directory_for(1000, ""), "/tmp/parikshan-1000");
  EXPECT_EQ(runtime_directory_for(1000, "relative"), "/tmp/parikshan-1000");
  EXPECT_EQ(socket_path("/run/parikshan", "mysql"), "/run/parikshan/mysql/control");
}

TEST_F(ControlSocketTest, UnsafeFoldersAreRefused) {
  const std::string trap = folder + "/trap";
  std::filesystem::create_directory(folder + "/elsewhere");
  std::filesystem::create_symlink(folder + "/elsewhere", trap);
  EXPECT_FALSE(make_socket_folder(trap + "/control").ok());
  const std::string open = folder + "/open";
  std::filesystem::create_directory(open);
  ASSERT_EQ(::chmod(open.c_str(), 0777), 0);
  EXPECT_FALSE(make_socket_folder(open + "/control").ok());
  if (::geteuid() == 0) {
    const std::string foreign = folder + "/foreign";
    std::filesystem::create_directory(foreign);
    ASSERT_EQ(::chown(foreign.c_str(), 65534, 65534), 0);
    EXPECT_FALSE(make_socket_folder(foreign + "/control").ok());
  }
  EXPECT_TRUE(make_socket_folder(folder + "/a/b/control").ok());
}

/// The server on a thread, for the client that blocks.
class ServedTest : public ControlTest {
 protected:
  void SetUp() override {
    ControlTest::SetUp();
    thread = std::thread([this] {
      while (!stop) {
        pollfd entry{server->epoll_fd(), POLLIN, 0};
        if (::poll(&entry, 1, 5) > 0)
          server->dispatch();
      }
    });
  }
  void TearDown() override {
    stop = true;
    thread.join();
    ControlTest::TearDown();
  }
  std::atomic<bool> stop{false};
  std::thread thread;
};

TEST_F(ServedTest, TheClientCallsAndWatches) {
  auto client = Client::connect(path, 5s);
  ASSERT_TRUE(client.ok()) << client.error().text();
  for (int i = 0; i < 3; ++i) {
    auto status = client->call("Status", {}, 5s);
    ASSERT_TRUE(status.ok()) << status.error().text();
    EXPECT_EQ(status->at("name"), boost::json::value("mysql"));
  }
  EXPECT_EQ(client->call("org.varlink.service.GetInfo", {}, 5s)->at("product"),
            boost::json::value("parikshan"));
  auto refused = client->call("Attach", {{"replica", "127.0.0.1:6380"}}, 5s);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().text(), "the replica is attached already");
  ASSERT_TRUE(client->watch("Watch", {{"period_ms", 50}}, 5s).ok());
  for (int i = 0; i < 3; ++i) {
    auto frame = client->next(5s);
    ASSERT_TRUE(frame.ok() && frame->has_value());
    EXPECT_EQ((*frame)->at("status").at("name"), boost::json::value("mysql"));
  }
}

TEST_F(ServedTest, ClientErrorsSayWhatKindTheyAre) {
  EXPECT_EQ(Client::connect(folder + "/none/control", 1s).error().errnum, ENOENT);
  const std::string silent = folder + "/silent";
  const auto address = net::Address::parse("unix:" + silent);
  Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), address->data(), address->size()), 0);
  EXPECT_EQ(Client::connect(silent, 1s).error().errnum, ECONNREFUSED);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  auto client = Client::connect(silent, 1s);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(client->call("Status", {}, 50ms).error().errnum, ETIMEDOUT);
  Fd accepted(::accept(listener.get(), nullptr, nullptr));
  accepted.reset();
  EXPECT_EQ(client->call("Status", {}, 1s).error().errnum, ECONNRESET);
}

}  // namespace
}  // namespace parikshan::control
