// A replica that keeps up with anything: accepts, reads, drops, never answers. What a replica costs
// on the same two cores would be charged to the proxy under test, so bytes are dropped in the
// kernel (MSG_TRUNC) rather than copied out.
//
//   sink COUNT-FILE [ADDRESS]     prints its port, chosen by the kernel, and runs until killed
//
// COUNT-FILE is mapped and holds three native 64-bit numbers: bytes dropped, connections open,
// connections accepted. They can be read while this process is stopped.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

struct Counts {
  std::atomic<std::uint64_t> bytes, open, accepted;
};

[[noreturn]] void fail(const char* doing) {
  std::perror(doing);
  std::exit(1);
}

Counts* map_counts(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    fail(path);
  if (ftruncate(fd, sizeof(Counts)) < 0)
    fail("ftruncate");
  void* memory = mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    fail("mmap");
  close(fd);
  return static_cast<Counts*>(memory);
}

int listen_at(const char* address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    fail("socket");
  sockaddr_in name{};
  name.sin_family = AF_INET;
  if (inet_pton(AF_INET, address, &name.sin_addr) != 1)
    fail(address);
  socklen_t size = sizeof(name);
  if (bind(fd, reinterpret_cast<sockaddr*>(&name), size) < 0)
    fail("bind");
  if (listen(fd, 4096) < 0)
    fail("listen");
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) < 0)
    fail("getsockname");
  std::printf("%u\n", static_cast<unsigned>(ntohs(name.sin_port)));
  std::fflush(stdout);
  return fd;
}

/// Drops what is there. False at the end of the stream or on an error.
bool drop(int fd, Counts& counts) {
  const ssize_t dropped = recv(fd, nullptr, std::size_t{16} << 20, MSG_TRUNC | MSG_DONTWAIT);
  if (dropped > 0)
    counts.bytes += static_cast<std::uint64_t>(dropped);
  return dropped > 0 || (dropped < 0 && (errno == EAGAIN || errno == EINTR));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: sink COUNT-FILE [ADDRESS]\n");
    return 2;
  }
  Counts& counts = *map_counts(argv[1]);
  const int listener = listen_at(argc == 3 ? argv[2] : "127.0.0.1");
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0)
    fail("epoll_create1");
  epoll_event event{EPOLLIN, {.fd = listener}};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
    fail("epoll_ctl");
  std::array<epoll_event, 256> events{};
  for (;;) {
    const int ready = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    if (ready < 0 && errno != EINTR)
      fail("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
      if (fd != listener) {
        if (drop(fd, counts))
          continue;
        close(fd);
        --counts.open;
        continue;
      }
      const int accepted = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (accepted < 0) {
        if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
          continue;
        fail("accept4");
      }
      event = {EPOLLIN, {.fd = accepted}};
      if (epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &event) < 0)
        fail("epoll_ctl");
      ++counts.open;
      ++counts.accepted;
    }
  }
}
