#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/mailbox.h"
#include "stream/stream_log.h"

namespace parikshan::stream {

/// The two stream logs of one session: all that the production side and the replica side of a
/// session have in common. The production thread appends and never looks back; the replica thread
/// reads. It lives until both have let go of it.
class SessionStreams {
 public:
  MailboxHook<SessionStreams> news_hook;    // in the replica thread's mailbox
  MailboxHook<SessionStreams> resume_hook;  // in the production thread's mailbox, synchronous mode

  using News = Mailbox<SessionStreams, &SessionStreams::news_hook>;
  using Resume = Mailbox<SessionStreams, &SessionStreams::resume_hook>;

  struct Origin {
    std::uint64_t session = 0;  ///< number of the session in the instance
    std::uint32_t port = 0;     ///< identity of the duplicated port
    std::uint64_t epoch = 0;    ///< what the port's replicas were when the session was opened
    std::string client;         ///< address of the client
  };

  /// `news` is the mailbox of the replica thread; it outlives every session.
  SessionStreams(Origin origin, ChunkPool& pool, bool small_only, News& news)
      : client_to_production(pool, small_only),
        production_to_client(pool, small_only),
        origin(std::move(origin)),
        news_(news) {}

  StreamLog client_to_production;
  StreamLog production_to_client;
  const Origin origin;

  // --- the production thread ---------------------------------------------------------------
  /// Something was appended or ended. A load when the replica thread knows already.
  void publish() {
    news_.post(this, [this] { refs_.fetch_add(1, std::memory_order_relaxed); });
  }
  /// The production side is done with the session; it must not touch it again.
  void close();
  /// Synchronous mode, before the first publish(): whom the replica thread wakes when replicas
  /// have taken more. `context` is the production thread's own name for the session.
  void set_resume(Resume* resume, void* context) {
    resume_ = resume;
    context_ = context;
  }
  /// The session is over: what resume() still posts names nobody.
  void forget_context() { context_ = nullptr; }
  [[nodiscard]] void* context() const { return context_; }

  // --- the replica thread ------------------------------------------------------------------
  [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_seq_cst); }
  /// Synchronous mode: lets the production thread go on. Posts a reference of its own.
  void resume() {
    if (resume_ == nullptr)
      return;
    resume_->post(this, [this] { refs_.fetch_add(1, std::memory_order_relaxed); });
    resume_->ring();
  }

  // --- both --------------------------------------------------------------------------------
  /// Drops a reference: each side's own, and the one of each post, by whoever took it out.
  void drop();

  // Of the replica thread: what it hangs on the streams, and that it is done with them.
  void* reader = nullptr;
  bool reader_done = false;

 private:
  News& news_;
  Resume* resume_ = nullptr;
  void* context_ = nullptr;
  std::atomic<int> refs_{2};
  std::atomic<bool> closed_{false};
};

}  // namespace parikshan::stream
