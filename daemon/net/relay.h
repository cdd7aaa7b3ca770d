#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/fd.h"
#include "stream/stream_log.h"

namespace parikshan::net {

/// One side of a proxied session: a socket, and what edge-triggered epoll said of it last.
struct Leg {
  Fd fd;
  bool readable = false;
  bool writable = false;
  bool hung_up = false;  ///< the peer ended or broke the stream: reading must go on to the end

  /// Takes in the events of one epoll_wait(2).
  void note(std::uint32_t events);
};

/// The buffers that a production thread receives into. One is hot, in cache, for every session in
/// turn; a session whose receiver cannot take all of it keeps the buffer until it can, and the
/// thread goes on with another: nothing is copied.
class HotBuffers {
 public:
  static constexpr std::size_t size = std::size_t{128} << 10;
  using Buffer = std::unique_ptr<std::byte[]>;

  /// The hot buffer; made when there is none. nullptr when there is no memory.
  std::byte* hot();
  /// Gives the hot buffer away.
  Buffer take() { return std::move(hot_); }
  void give_back(Buffer buffer);

 private:
  Buffer hot_;
  std::vector<Buffer> spare_;
};

/// One direction of a session: receives from one leg, sends to the other, and appends to a stream
/// log, if there is one, what was received.
///
/// | the source      | the receiver | then                                                       |
/// | --------------- | ------------ | ---------------------------------------------------------- |
/// | sends           | takes it     | forwarded at once                                          |
/// | sends           | is full      | the rest waits here, and the source is read no further:    |
/// |                 |              | its own window closes (back-pressure)                      |
/// | ends (FIN)      | open         | what waits is sent, then the receiver's stream is ended;   |
/// |                 |              | the other direction goes on (half-close)                   |
/// | breaks (reset)  | any          | what came before it is forwarded, then `source_broke`      |
/// | any             | broke        | `receiver_broke`                                           |
///
/// Thread: the production thread of the session.
class Relay {
 public:
  enum class Outcome {
    blocked,   ///< nothing to do until epoll says more
    more,      ///< the turn is over, and there is more to read now
    finished,  ///< ended and delivered in order
    source_broke,
    receiver_broke,
  };

  /// `log` may be nullptr: no copy. With `paced` the source is read only when the log's readers
  /// have taken everything (synchronous mode).
  Outcome pump(Leg& from, Leg& to, HotBuffers& buffers, stream::StreamLog* log, bool paced);

  [[nodiscard]] bool finished() const { return finished_; }
  /// Bytes received by this direction since it was last asked.
  std::uint64_t take_moved() {
    const std::uint64_t moved = moved_;
    moved_ = 0;
    return moved;
  }
  [[nodiscard]] bool waiting() const { return backlog_ != nullptr; }

 private:
  bool send_backlog(Leg& to, HotBuffers& buffers, Outcome& outcome);

  HotBuffers::Buffer backlog_;
  std::uint32_t backlog_begin_ = 0;
  std::uint32_t backlog_end_ = 0;
  bool ended_ = false;
  bool finished_ = false;
  std::uint64_t moved_ = 0;
};

}  // namespace parikshan::net
