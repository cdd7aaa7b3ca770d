// Byte comparison needs both outputs at hand, and the slower side may be minutes behind. Keeping
// all of production's output until then would spend the memory that the replica's input needs, so
// beyond a small amount only block hashes are kept: 24 bytes for 4 KiB.
//
// Masks change lengths, so the two outputs have a position each. They are applied only where raw
// bytes differ, and then to the whole line in both outputs: equal bytes, which is nearly all of
// them, are never seen by a regular expression.
#include "divergence/checker.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace parikshan::divergence {
namespace {

constexpr std::uint64_t block_size = 4096;
constexpr std::size_t most_ahead = std::size_t{64} << 10;
constexpr std::size_t longest_line = 4096;
constexpr std::size_t context_before = 64;
constexpr std::size_t context_after = 192;
constexpr std::uint64_t least_kept_with_masks = std::uint64_t{64} << 10;
constexpr std::size_t most_blocks = std::size_t{1} << 20;

std::string_view text_of(const iovec& part) {
  return {static_cast<const char*>(part.iov_base), part.iov_len};
}

std::size_t equal_prefix(std::string_view a, std::string_view b) {
  const std::size_t n = std::min(a.size(), b.size());
  if (std::memcmp(a.data(), b.data(), n) == 0)
    return n;
  return static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<long>(n), b.begin()).first - a.begin());
}

/// Up to `most` bytes of production's output from `offset` on, as far as they are held.
std::string copy_from(stream::Retention& production, std::uint64_t offset, std::size_t most) {
  std::string text;
  std::array<iovec, 4> parts{};
  std::size_t filled = 0;
  while (text.size() < most && production.view(offset + text.size(), parts, filled) ==
                                   stream::Retention::Outcome::bytes) {
    for (std::size_t i = 0; i < filled && text.size() < most; ++i)
      text.append(text_of(parts[i]).substr(0, most - text.size()));
  }
  return text;
}

struct Line {
  std::string_view text;  ///< with its end
  bool complete = false;  ///< has an end, or is too long to be waited for
};

Line first_line(std::string_view text) {
  text = text.substr(0, longest_line);
  const std::size_t end = text.find('\n');
  if (end != std::string_view::npos)
    return {text.substr(0, end + 1), true};
  return {text, text.size() == longest_line};
}

}  // namespace

struct Checker::Hashing {
  XXH3_state_t state;
  std::uint32_t done = 0;
  std::string head;  // the first bytes of the block, to show if it differs
};

Checker::Checker(const Masks& masks) : masks_(masks) {}
Checker::~Checker() = default;

std::size_t Checker::room() const {
  return ahead() >= most_ahead ? 0 : most_ahead - ahead();
}

std::uint64_t Checker::needed_from() const {
  if (closed_)
    return UINT64_MAX;
  if (blocks_ && !blocks_->empty())
    return blocks_->back().offset + blocks_->back().length;
  return masks_.empty() ? position_ : std::min(position_, line_start_);
}

void Checker::take(std::string_view bytes, stream::Retention& production) {
  answered_ += bytes.size();
  if (closed_)
    return;
  if (!ahead_) {
    compare(bytes, production, false, false);
    if (!bytes.empty())
      ahead_ = std::make_unique<std::string>(bytes);
  } else {
    ahead_->append(bytes);
    step(production, false, false);
  }
}

void Checker::step(stream::Retention& production, bool production_ended, bool idle) {
  if (closed_)
    return;
  if (ahead_) {
    std::string_view replica = *ahead_;
    const std::size_t before = replica.size();
    compare(replica, production, production_ended, idle);
    if (replica.empty())
      ahead_.reset();
    else if (replica.size() < before)
      ahead_->erase(0, before - replica.size());
  }
  const bool blocks_left = blocks_ && !blocks_->empty();
  const bool production_left = blocks_left || production.end() > position_;
  if (production_ended && !production_left && ahead_) {
    differ(position_, *ahead_, nullptr,
           fmt::format("production's output ends here, the replica's goes on for {} bytes or more",
                       ahead_->size()));
    close();
  } else if (replica_ended_ && production_left && !in_line_ &&
             (!ahead_ || production_ended || idle)) {
    differ(position_, {}, blocks_left ? nullptr : &production,
           "the replica's output ends here, production's goes on");
    close();
  }
}

void Checker::compare(std::string_view& replica, stream::Retention& production,
                      bool production_ended, bool idle) {
  in_line_ = false;
  while (!replica.empty() && !closed_) {
    if (blocks_ && !blocks_->empty()) {
      compare_block(replica);
      continue;
    }
    std::array<iovec, 8> parts{};
    std::size_t filled = 0;
    if (production.view(position_, parts, filled) != stream::Retention::Outcome::bytes)
      return;
    for (std::size_t i = 0; i < filled && !replica.empty(); ++i) {
      std::string_view ours = text_of(parts[i]).substr(0, replica.size());
      if (position_ < unchecked_until_) {
        ours = ours.substr(0, unchecked_until_ - position_);
        pass(replica, ours.size(), ours.size());
        break;  // the rest of the part is looked at with fresh views
      }
      const std::size_t equal = equal_prefix(ours, replica);
      const bool same = equal == ours.size();
      advance(replica, ours.substr(0, equal));
      if (same)
        continue;
      if (!masks_.empty()) {
        if (!compare_line(replica, production, production_ended, idle))
          return;
        break;
      }
      differ(position_, replica, &production, "the bytes differ");
      ++blocks_differing_;
      unchecked_until_ = position_ - position_ % block_size + block_size;
      break;
    }
  }
}

void Checker::advance(std::string_view& replica, std::string_view equal) {
  if (!masks_.empty()) {
    const std::size_t end = equal.rfind('\n');
    if (end != std::string_view::npos)
      line_start_ = position_ + end + 1;
    if (position_ + equal.size() - line_start_ > longest_line)
      line_start_ = position_ + equal.size();
  }
  const std::size_t fresh = std::min(equal.size(), tail_.size());
  const std::size_t old = std::min<std::size_t>(tail_length_, tail_.size() - fresh);
  std::memmove(tail_.data(), tail_.data() + tail_length_ - old, old);
  std::memcpy(tail_.data() + old, equal.data() + equal.size() - fresh, fresh);
  tail_length_ = static_cast<std::uint8_t>(old + fresh);
  position_ += equal.size();
  replica_position_ += equal.size();
  replica.remove_prefix(equal.size());
}

void Checker::pass(std::string_view& replica, std::size_t replica_bytes,
                   std::size_t production_bytes) {
  position_ += production_bytes;
  replica_position_ += replica_bytes;
  replica.remove_prefix(replica_bytes);
  line_start_ = position_;
  equal_since_ = position_;
  tail_length_ = 0;
}

bool Checker::compare_line(std::string_view& replica, stream::Retention& production,
                           bool production_ended, bool idle) {
  // Up to position_ both lines are equal, so production's beginning is the replica's as well.
  const auto prefix = static_cast<std::size_t>(position_ - line_start_);
  const std::string ours_text = copy_from(production, line_start_, longest_line);
  const std::string theirs_text =
      ours_text.substr(0, prefix) + std::string(replica.substr(0, longest_line));
  const Line ours = first_line(ours_text);
  const Line theirs = first_line(theirs_text);
  const bool ours_complete = ours.complete || production_ended || idle;
  const bool theirs_complete = theirs.complete || replica_ended_ || idle;
  if (!ours_complete || !theirs_complete) {
    in_line_ = true;
    return false;
  }
  const Masks::Verdict verdict = masks_.compare(ours.text, theirs.text);
  if (!verdict.equal) {
    const std::uint64_t offset = line_start_ + verdict.at_a;
    differ(offset, theirs.text.substr(verdict.at_b), &production,
           "the bytes differ outside of the masks");
    ++blocks_differing_;
  }
  pass(replica, theirs.text.size() - prefix, ours.text.size() - prefix);
  return true;
}

void Checker::compare_block(std::string_view& replica) {
  Block& block = blocks_->front();
  const bool check = block.known && block.offset >= unchecked_until_;
  if (check && !hashing_) {
    hashing_ = std::make_unique<Hashing>();
    XXH3_64bits_reset(&hashing_->state);
  }
  const auto done = static_cast<std::uint32_t>(position_ - block.offset);
  const std::size_t part = std::min<std::size_t>(replica.size(), block.length - done);
  if (check) {
    XXH3_64bits_update(&hashing_->state, replica.data(), part);
    if (hashing_->head.size() < context_after)
      hashing_->head.append(
          replica.substr(0, std::min(part, context_after - hashing_->head.size())));
  }
  pass(replica, part, part);
  if (!block.known)
    skipped_ += part;
  if (done + part < block.length)
    return;
  if (check && XXH3_64bits_digest(&hashing_->state) != block.hash) {
    differ(block.offset, hashing_->head, nullptr,
           fmt::format("a block of {} bytes differs; production's bytes were not kept so long",
                       block.length));
    ++blocks_differing_;
  }
  hashing_.reset();
  blocks_->pop_front();
  if (blocks_->empty())
    blocks_.reset();
}

void Checker::shed(stream::Retention& production, std::uint64_t keep) {
  if (closed_)
    return;
  if (!masks_.empty()) {
    // Masked parts may differ in length, so behind bytes that are gone nothing could be aligned.
    if (production.end() - position_ > std::max(keep, least_kept_with_masks))
      close();
    return;
  }
  std::uint64_t from = blocks_ ? needed_from() : position_;
  while (production.end() > from && production.end() - from > keep) {
    const std::uint64_t boundary = from - from % block_size + block_size;
    const std::uint64_t whole = boundary - from;
    if (production.end() - from < whole)
      break;
    if (!blocks_)
      blocks_ = std::make_unique<std::deque<Block>>();
    if (blocks_->size() >= most_blocks) {
      if (blocks_->empty() || blocks_->back().known ||
          blocks_->back().length > UINT32_MAX - block_size)
        blocks_->push_back({from, 0, false, 0});
      blocks_->back().length += static_cast<std::uint32_t>(whole);
    } else {
      const std::string bytes = copy_from(production, from, whole);
      blocks_->push_back(
          {from, static_cast<std::uint32_t>(whole), true, XXH3_64bits(bytes.data(), bytes.size())});
    }
    from = boundary;
  }
}

void Checker::differ(std::uint64_t offset, std::string_view replica, stream::Retention* production,
                     std::string why) {
  if (first_)
    return;
  first_ = std::make_unique<Difference>();
  first_->production_offset = offset;
  first_->replica_offset = replica_position_ + (offset - position_);
  first_->why = std::move(why);
  std::string context;
  if (offset == position_) {
    context.assign(tail_.data(), tail_length_);
    const std::uint64_t from =
        production == nullptr ? offset : std::max(production->begin(), equal_since_);
    if (offset > from && offset - from > context.size()) {
      // What was compared in this turn is still held.
      const std::size_t held = std::min<std::size_t>(context_before, offset - from);
      context = copy_from(*production, offset - held, held);
    }
  }
  first_->context_before = static_cast<std::uint32_t>(context.size());
  first_->production = context;
  if (production != nullptr)
    first_->production += copy_from(*production, offset, context_after);
  first_->replica = context + std::string(replica.substr(0, context_after));
}

void Checker::replica_left(const std::string& why) {
  if (closed_)
    return;
  differ(position_, {}, nullptr, why);
  close();
}

}  // namespace parikshan::divergence
