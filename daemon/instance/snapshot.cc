#include "instance/snapshot.h"

namespace parikshan::instance {

std::string_view to_string(SyncState state) {
  switch (state) {
    case SyncState::in_sync:
      return "in-sync";
    case SyncState::diverged:
      return "diverged";
    case SyncState::overflowed:
      return "overflowed";
  }
  return "unknown";
}

}  // namespace parikshan::instance
