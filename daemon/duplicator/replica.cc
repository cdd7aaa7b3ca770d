#include "duplicator/replica.h"

#include <utility>

namespace parikshan::duplicator {
namespace {

constexpr std::size_t most_notable = 256;  // the first sessions that lost or differed
constexpr std::size_t most_latest = 1024;
constexpr std::size_t most_differences = 32;  // the first ones: later ones often follow from them

}  // namespace

Account& Account::operator+=(const Account& other) {
  due += other.due;
  delivered += other.delivered;
  pending += other.pending;
  lost += other.lost;
  produced += other.produced;
  compared += other.compared;
  uncompared += other.uncompared;
  awaited += other.awaited;
  answered += other.answered;
  blocks_differing += other.blocks_differing;
  return *this;
}

void Replica::keep(SessionRecord record) {
  ended += record.account;
  const bool notable = record.is_lost || record.diverged;
  if (notable && notable_kept < most_notable) {
    records.insert(records.begin() + static_cast<std::ptrdiff_t>(notable_kept), std::move(record));
    ++notable_kept;
    return;
  }
  records.push_back(std::move(record));
  if (records.size() > notable_kept + most_latest)
    records.erase(records.begin() + static_cast<std::ptrdiff_t>(notable_kept));
}

void Replica::keep(KeptDifference difference) {
  if (differences.size() < most_differences)
    differences.push_back(std::move(difference));
}

void Replica::raise(SyncState to, std::string why) {
  if (to <= state)
    return;
  state = to;
  reason = std::move(why);
}

}  // namespace parikshan::duplicator
