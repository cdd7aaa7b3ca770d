#pragma once

#include <cstdint>

namespace parikshan::divergence {

/// State of a replica, worst last. `diverged` covers a replica that refused or left a session;
/// `overflowed` means that our own quotas cut it off.
enum class SyncState : std::uint8_t { in_sync, diverged, overflowed };

}  // namespace parikshan::divergence
