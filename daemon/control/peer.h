#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"

namespace parikshan::control {

/// Who is at the other end of a unix socket, as the kernel knows it since connect(2).
struct Peer {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  std::vector<gid_t> groups;  ///< supplementary
};

/// SO_PEERCRED and SO_PEERGROUPS of a connected unix socket (unix(7), socket(7)).
Result<Peer> peer_of(int socket);

/// Root, the user `self` the daemon runs as, and members of `group` may talk; nobody else.
bool may_talk(const Peer& peer, uid_t self, std::optional<gid_t> group);

/// The number of the group called `name`; none when the system has no such group.
std::optional<gid_t> group_id(const std::string& name);

}  // namespace parikshan::control
