#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "control/runtime_directory.h"
#include "control/server.h"
#include "net/address.h"
#include "stub_source.h"

namespace parikshan::control {

inline constexpr std::chrono::seconds patience{60};  // ends a hang; sanitizers are slow
inline constexpr std::string_view status_call = R"({"method":"io.parikshan.Status"})";

inline std::string message(std::string_view text) {
  return std::string(text) + '\0';
}

/// A client that does as it is told: it may be rude.
class RawClient {
 public:
  explicit RawClient(const std::string& path) {
    const auto address = net::Address::parse("unix:" + path);
    socket_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    connected_ = ::connect(socket_.get(), address->data(), address->size()) == 0;
  }
  /// Bytes that the kernel took.
  std::size_t send(std::string_view bytes) {
    const ssize_t put = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return put < 0 ? 0 : static_cast<std::size_t>(put);
  }
  void receive() {
    char buffer[65536];
    ssize_t got = 0;
    while ((got = ::recv(socket_.get(), buffer, sizeof buffer, 0)) > 0)
      received_.append(buffer, static_cast<std::size_t>(got));
    if (got == 0 || (errno != EAGAIN && errno != EINTR))
      ended_ = true;
  }
  [[nodiscard]] std::size_t replies() const {
    return static_cast<std::size_t>(std::ranges::count(received_, '\0'));
  }
  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool ended() const { return ended_; }
  void half_close() { ::shutdown(socket_.get(), SHUT_WR); }
  void close() { socket_.reset(); }

 private:
  Fd socket_;
  std::string received_;
  bool connected_ = false;
  bool ended_ = false;
};

class ControlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/parikshan-control-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder = name;
    path = socket_path(folder, "mysql");
    start({});
  }
  void TearDown() override {
    server.reset();
    std::filesystem::remove_all(folder);
  }
  void start(Limits limits) {
    server.reset();
    server = std::make_unique<Server>(source, limits);
    const auto listening = server->listen(path, "no-such-group");
    ASSERT_TRUE(listening.ok()) << listening.error().text();
  }

  /// Runs the server as its owner would, until `done` or the test's patience is over.
  bool serve_until(const std::function<bool()>& done) {
    const auto end = Clock::now() + patience;
    while (!done()) {
      if (Clock::now() > end)
        return false;
      pollfd entry{server->epoll_fd(), POLLIN, 0};
      if (::poll(&entry, 1, 5) > 0)
        server->dispatch();
    }
    return true;
  }
  bool serve_until_ended(RawClient& client) {
    return serve_until([&] {
      client.receive();
      return client.ended();
    });
  }
  bool serve_replies(RawClient& client, std::size_t count) {
    return serve_until([&] {
      client.receive();
      return client.replies() >= count;
    });
  }
  /// The socket still answers somebody polite.
  void expect_healthy() {
    RawClient polite(path);
    ASSERT_TRUE(polite.connected());
    polite.send(message(status_call));
    EXPECT_TRUE(serve_replies(polite, 1));
    EXPECT_NE(polite.received().find("\"name\":\"mysql\""), std::string::npos);
  }

  std::string folder;
  std::string path;
  test::StubSource source;
  std::unique_ptr<Server> server;
};

}  // namespace parikshan::control
