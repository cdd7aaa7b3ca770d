#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "divergence/masks.h"
#include "stream/retention.h"

namespace parikshan::divergence {

/// A difference as it is kept for people.
struct Difference {
  std::uint64_t production_offset = 0;  ///< of the first differing byte, in production's output
  std::uint64_t replica_offset = 0;     ///< of the same place in the replica's output
  std::string why;
  std::uint32_t context_before = 0;  ///< bytes of both texts that stand before the difference
  std::string production;
  std::string replica;
};

/// Compares what a replica answers in one session with what production answered (P4 of the paper).
///
/// Production's bytes are read from the retention of its output, the replica's are handed in. As
/// long as production's bytes are in memory they are compared as they are, to the byte. When the
/// replica lags so far behind that they cannot be kept, they are replaced by the hashes of their
/// blocks (XXH3, 4 KiB at the same offsets of both outputs): a difference is then known to a
/// block. With masks, a session whose bytes cannot be kept is compared no further.
///
/// After a difference the comparison goes on at the next block (with masks: at the next line).
///
/// Thread: the replica thread.
class Checker {
 public:
  explicit Checker(const Masks& masks);
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  /// How many bytes take() would accept now; 0: production has to answer first.
  [[nodiscard]] std::size_t room() const;
  /// Bytes the replica answered, at most room() of them.
  void take(std::string_view bytes, stream::Retention& production);
  /// The replica ended its output.
  void replica_ended() { replica_ended_ = true; }
  /// The replica is gone, or never came: `why` is a divergence unless all was compared and
  /// production ended as well.
  void replica_left(const std::string& why);
  /// Compares what can be compared. `production_ended`: production's output is complete and the
  /// retention has all of it. `idle`: nothing came for a while; lines without an end are compared
  /// as they are.
  void step(stream::Retention& production, bool production_ended, bool idle);
  /// Makes do with at most `keep` of production's bytes that the replica has yet to answer.
  void shed(stream::Retention& production, std::uint64_t keep);
  /// Nothing more will be compared.
  void close() { closed_ = true; }
  [[nodiscard]] bool closed() const { return closed_; }

  /// Production's bytes before this offset are not needed any more.
  [[nodiscard]] std::uint64_t needed_from() const;

  /// Offset in production's output up to which it was compared or passed over.
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t compared() const { return position_ - skipped_; }
  /// Bytes before position() that could not be compared.
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  [[nodiscard]] std::uint64_t blocks_differing() const { return blocks_differing_; }
  /// Replica bytes that wait for production to say the same.
  [[nodiscard]] std::size_t ahead() const { return ahead_ ? ahead_->size() : 0; }
  /// Waits for the rest of a line.
  [[nodiscard]] bool in_line() const { return in_line_; }

  [[nodiscard]] bool diverged() const { return first_ != nullptr; }
  /// The first difference, with its context; nullptr when there is none.
  [[nodiscard]] const Difference* first() const { return first_.get(); }

 private:
  struct Block {
    std::uint64_t offset = 0;
    std::uint32_t length = 0;
    bool known = false;  ///< hash holds; otherwise these bytes are passed over
    std::uint64_t hash = 0;
  };
  struct Hashing;

  void compare(std::string_view& replica, stream::Retention& production, bool production_ended,
               bool idle);
  void compare_block(std::string_view& replica);
  bool compare_line(std::string_view& replica, stream::Retention& production, bool production_ended,
                    bool idle);
  void advance(std::string_view& replica, std::string_view equal);
  void pass(std::string_view& replica, std::size_t replica_bytes, std::size_t production_bytes);
  void differ(std::uint64_t offset, std::string_view replica, stream::Retention* production,
              std::string why);

  const Masks& masks_;
  std::uint64_t position_ = 0;          // in production's output
  std::uint64_t replica_position_ = 0;  // in the replica's
  std::uint64_t answered_ = 0;
  std::uint64_t skipped_ = 0;
  std::uint64_t line_start_ = 0;       // in production's output; kept up only with masks
  std::uint64_t equal_since_ = 0;      // in production's output: from here on all were equal
  std::uint64_t unchecked_until_ = 0;  // the end of a block that is known to differ
  std::uint64_t blocks_differing_ = 0;
  // Of thousands of idle sessions none has any of these, so they are behind pointers.
  std::unique_ptr<std::string> ahead_;         // never empty
  std::unique_ptr<std::deque<Block>> blocks_;  // oldest first, from position_ on
  std::unique_ptr<Hashing> hashing_;           // of the replica's part of the oldest block
  std::unique_ptr<Difference> first_;
  std::array<char, 15> tail_{};  // the last equal bytes, for the context of a difference
  std::uint8_t tail_length_ = 0;
  bool replica_ended_ = false;
  bool closed_ = false;
  bool in_line_ = false;
};

}  // namespace parikshan::divergence
