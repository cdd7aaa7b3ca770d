#include "stream/retention.h"

#include <algorithm>

namespace parikshan::stream {
namespace {

constexpr std::size_t load_ahead = std::size_t{512} << 10;  // bytes, before a reader gets there
constexpr std::size_t loads_at_once = 32;

}  // namespace

Retention::~Retention() {
  refresh();  // the chunks of what came last have no other owner
  for (std::size_t i = head_; i < extents_.size(); ++i)
    drop(extents_[i]);
}

void Retention::add(ChunkId chunk) {
  extents_.emplace_back();
  extents_.back().offset = log_.pool().meta(chunk).offset;
  extents_.back().chunk = chunk;
  resident_ += capacity(chunk);
}

void Retention::refresh() {
  const std::uint64_t log_end = log_.end();
  while (end_ < log_end) {
    if (empty()) {
      extents_.clear();
      head_ = 0;
      add(log_.first());
      continue;
    }
    // The newest extent is never on disk: its chunk may still grow, and leads to the next one.
    Extent& last = extents_.back();
    const ChunkId next = log_.pool().meta(last.chunk).next.load(std::memory_order_acquire);
    const std::uint64_t limit =
        next == no_chunk ? log_end : std::min(log_.pool().meta(next).offset, log_end);
    if (limit > end_) {
      last.length = static_cast<std::uint32_t>(limit - last.offset);
      end_ = limit;
    } else {
      add(next);
    }
  }
}

Retention::Extent* Retention::find(std::uint64_t offset) {
  auto* const first = extents_.data() + head_;
  auto* const last = extents_.data() + extents_.size();
  auto* const after = std::upper_bound(
      first, last, offset, [](std::uint64_t o, const Extent& e) { return o < e.offset; });
  return after == first ? nullptr : after - 1;
}

Retention::Outcome Retention::view(std::uint64_t offset, std::span<iovec> parts,
                                   std::size_t& filled) {
  filled = 0;
  if (offset >= end_)
    return Outcome::nothing;
  Extent* extent = find(offset);
  Extent* const behind = extents_.data() + extents_.size();
  for (; extent != behind && filled < parts.size(); ++extent) {
    if (extent->where == Where::disk || extent->where == Where::reading) {
      load(extent);
      return filled > 0 ? Outcome::bytes : Outcome::loading;
    }
    if (extent->where == Where::lost)
      return filled > 0 ? Outcome::bytes : Outcome::lost;
    const std::uint64_t skip = offset - extent->offset;
    if (skip == extent->length)
      continue;
    parts[filled++] = {log_.pool().data(extent->chunk) + skip, extent->length - skip};
    offset = extent->offset + extent->length;
  }
  return Outcome::bytes;
}

void Retention::load(Extent* from) {
  Extent* const behind = extents_.data() + extents_.size();
  const std::uint64_t until = from->offset + load_ahead;
  std::size_t loads = 0;
  for (Extent* extent = from; extent != behind && extent->offset < until; ++extent) {
    if (extent->where != Where::disk)
      continue;
    if (++loads > loads_at_once)
      return;
    const ChunkId chunk =
        extent->length <= small_chunk ? log_.pool().take_small() : log_.pool().take_large();
    if (chunk == no_chunk)
      return;  // the reader asks again, and memory may be free by then
    extent->chunk = chunk;
    extent->job = spill_->start_read(extent->slot, chunk, extent->length, extent->offset, this);
    extent->where = Where::reading;
    on_disk_ -= extent->length;
    resident_ += capacity(chunk);
  }
}

void Retention::drop(Extent& extent) {
  switch (extent.where) {
    case Where::memory:
      log_.pool().give(extent.chunk);
      resident_ -= capacity(extent.chunk);
      break;
    case Where::writing:
    case Where::reading:
      Spill::abandon(extent.job);
      resident_ -= capacity(extent.chunk);
      break;
    case Where::disk:
      spill_->free_slot(extent.slot, extent.length);
      on_disk_ -= extent.length;
      break;
    case Where::lost:
      break;
  }
}

void Retention::release(std::uint64_t offset) {
  begin_ = std::max(begin_, std::min(offset, end_));
  while (!empty()) {
    Extent& oldest = extents_[head_];
    if (oldest.offset + oldest.length > begin_)
      break;
    const bool newest = head_ + 1 == extents_.size();
    if (newest && !log_.seal(end_))
      break;  // the writer is at it; it will be asked for again
    drop(oldest);
    ++head_;
  }
  if (empty()) {
    std::vector<Extent>().swap(extents_);  // an idle session costs nothing
    head_ = 0;
  } else if (head_ > 64 && head_ * 2 > extents_.size()) {
    extents_.erase(extents_.begin(), extents_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

bool Retention::fit(std::uint64_t quota) {
  if (resident_ <= quota)
    return true;
  std::uint64_t staying = 0;
  bool fits = true;
  for (std::size_t i = head_; i < extents_.size(); ++i) {
    Extent& extent = extents_[i];
    if (extent.where == Where::disk || extent.where == Where::lost)
      continue;
    if (extent.where == Where::writing)
      continue;
    staying += capacity(extent.chunk);
    const bool newest = i + 1 == extents_.size();
    if (staying <= quota || newest || extent.where == Where::reading || i == head_)
      continue;
    Spill::Job* job = spill_ == nullptr
                          ? nullptr
                          : spill_->start_write(extent.chunk, extent.length, extent.offset, this);
    if (job == nullptr) {
      fits = false;
      break;
    }
    extent.job = job;
    extent.where = Where::writing;
    staying -= capacity(extent.chunk);
  }
  return fits;
}

std::string Retention::disk_problem() const {
  return spill_ == nullptr ? std::string() : spill_->problem();
}

void Retention::moved(const Spill::Job& job) {
  Extent* extent = find(job.offset);
  if (job.kind == Spill::Job::Kind::write) {
    if (job.errnum != 0) {
      extent->where = Where::memory;
      return;
    }
    extent->where = Where::disk;
    extent->slot = job.slot;
    resident_ -= capacity(job.chunk);
    on_disk_ += extent->length;
    extent->chunk = no_chunk;
    return;
  }
  if (job.errnum != 0) {
    extent->where = Where::lost;
    resident_ -= capacity(job.chunk);
    extent->chunk = no_chunk;
    return;
  }
  extent->where = Where::memory;
}

}  // namespace parikshan::stream
