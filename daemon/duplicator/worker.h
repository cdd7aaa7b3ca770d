#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/command_queue.h"
#include "base/error.h"
#include "base/fd.h"
#include "duplicator/port.h"
#include "duplicator/session.h"
#include "net/relay.h"
#include "stream/session_streams.h"

namespace parikshan::duplicator {

/// What the production threads of an instance share: counters, and where copies go.
struct ProductionContext {
  stream::ChunkPool* pool = nullptr;             ///< nullptr: nothing is ever copied
  stream::SessionStreams::News* news = nullptr;  ///< the replica thread's mailbox
  bool small_chunks_only = false;
  std::uint64_t descriptor_limit = 0;  ///< open descriptors beyond which none is accepted
  std::atomic<std::uint64_t> next_session{1};
  /// Counts the changes of who is attached; a session carries the number it was opened under.
  std::atomic<std::uint64_t> epoch{0};
};

/// A production thread: accepts clients, connects them to production, and moves bytes. It waits in
/// one epoll_wait(2) and nowhere else.
class Worker {
 public:
  static Result<std::unique_ptr<Worker>> create(unsigned index, ProductionContext& context);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// All workers of the instance, this one among them; a client goes to the one with the fewest
  /// sessions. Before start().
  void set_peers(std::vector<Worker*> peers) { peers_ = std::move(peers); }
  Result<void> start();

  // --- any thread; each takes effect when the worker next comes round -----------------------
  /// `fd` listens; it stays the caller's and must outlive forget().
  void listen(Port* port, int fd);
  void stop_listening(Port* port);
  /// Closes every open session of the port (nullptr: of all ports).
  void close_sessions(Port* port);
  void stop();
  void join();

  [[nodiscard]] std::uint64_t sessions() const { return load_.load(std::memory_order_relaxed); }
  /// 0, or the errno for which accepting pauses.
  [[nodiscard]] int accepting_paused() const { return paused_.load(std::memory_order_relaxed); }
  /// Runs `command` on the worker and waits until it ran. For changes of configuration.
  void run_and_wait(const std::function<void()>& command);

 private:
  struct Listener {
    Port* port = nullptr;
    int fd = -1;
    bool armed = false;
  };
  /// A client that was accepted when there was no descriptor for its other leg.
  struct Waiting {
    Port* port = nullptr;
    Fd client;
  };

  Worker(unsigned index, ProductionContext& context) : index_(index), context_(context) {}
  void run();
  void dispatch(std::uint64_t tag, std::uint32_t events);
  void accept_from(Listener& listener);
  void adopt(Port* port, Fd client);
  bool connect(Port* port, Fd& client);
  void refuse(Port* port, Fd client);
  void after(Session* session);
  void open_streams(Session* session);
  void close(Session* session);
  void pause_accepting(int errnum);
  void try_to_resume();
  void take_resumed();
  void arm(Listener& listener, bool on);

  const unsigned index_;
  ProductionContext& context_;
  std::vector<Worker*> peers_;
  Fd epoll_;
  std::unique_ptr<stream::SessionStreams::Resume> resume_;
  std::thread thread_;

  std::unique_ptr<CommandQueue> commands_;  // of the control thread and of other workers
  std::atomic<std::uint64_t> load_{0};
  std::atomic<int> paused_{0};

  // The worker's own.
  net::HotBuffers buffers_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<Listener>> retired_;  // until the batch of events is through
  std::vector<Waiting> waiting_;
  std::int64_t next_try_ms_ = 0;
  Session* sessions_ = nullptr;
  std::vector<Session*> again_;
  std::vector<Session*> over_;
  bool stopping_ = false;
};

}  // namespace parikshan::duplicator
