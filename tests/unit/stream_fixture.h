#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "stream/chunk_pool.h"
#include "stream/retention.h"
#include "stream/spill.h"
#include "stream/stream_log.h"

namespace parikshan::stream {

/// How long a test waits for what must happen; far more than it takes.
inline constexpr std::chrono::seconds patience{30};

/// Bytes that differ from place to place, so that one that is missing or doubled shows.
inline std::string random_bytes(std::size_t length, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(length, '\0');
  for (char& byte : bytes)
    byte = static_cast<char>(random());
  return bytes;
}

inline void append(StreamLog& log, std::string_view bytes) {
  log.append(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());  // NOLINT: bytes
}

inline std::unique_ptr<ChunkPool> make_pool(std::uint64_t memory, bool resident = true) {
  auto pool = ChunkPool::create(memory, resident);
  EXPECT_TRUE(pool) << pool.error().text();
  return std::move(pool.value());
}

inline std::unique_ptr<Spill> make_spill(const std::string& directory, std::uint64_t quota,
                                         ChunkPool& pool) {
  auto spill = Spill::create(directory, quota, pool);
  EXPECT_TRUE(spill) << spill.error().text();
  return std::move(spill.value());
}

/// Waits for the spill thread to finish a job, and hears it. False when none came in time.
inline bool collect_next(Spill& spill) {
  pollfd done{spill.done_fd(), POLLIN, 0};
  const int ready = ::poll(&done, 1, std::chrono::milliseconds(patience).count());
  spill.collect();
  return ready == 1;
}

/// All bytes from `offset` on that can be had, whether they are in memory or come from disk.
inline std::string read_from(Retention& retention, Spill* spill, std::uint64_t offset) {
  std::string text;
  iovec parts[4];
  for (;;) {
    std::size_t filled = 0;
    switch (retention.view(offset + text.size(), parts, filled)) {
      case Retention::Outcome::bytes:
        for (std::size_t i = 0; i < filled; ++i)
          text.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
        break;
      case Retention::Outcome::loading:
        if (spill == nullptr || !collect_next(*spill)) {
          ADD_FAILURE() << "bytes at " << offset + text.size() << " never came from disk";
          return text;
        }
        break;
      case Retention::Outcome::nothing:
      case Retention::Outcome::lost:
        return text;
    }
  }
}

/// A folder that is gone with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "parikshan-unit-XXXXXX";
    path_ = ::mkdtemp(name.data()) == nullptr ? "" : name;
  }
  ~TemporaryFolder() {
    if (!path_.empty())
      std::filesystem::remove_all(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace parikshan::stream
