#include "control/peer.h"

#include <grp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace parikshan::control {

Result<Peer> peer_of(int socket) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
    return errno_error("ask for the peer's credentials");
  Peer peer{credentials.uid, credentials.gid, {}};
  // The list's length is not known beforehand: the kernel refuses a short array with ERANGE and
  // says how long it must be.
  peer.groups.resize(32);
  for (int attempt = 0; attempt < 3; ++attempt) {
    length = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &length) == 0) {
      peer.groups.resize(length / sizeof(gid_t));
      return peer;
    }
    if (errno != ERANGE)
      break;
    peer.groups.resize(length / sizeof(gid_t) + 1);
  }
  return errno_error("ask for the peer's groups");
}

bool may_talk(const Peer& peer, uid_t self, std::optional<gid_t> group) {
  if (peer.uid == 0 || peer.uid == self)
    return true;
  if (!group)
    return false;
  return peer.gid == *group || std::ranges::find(peer.groups, *group) != peer.groups.end();
}

std::optional<gid_t> group_id(const std::string& name) {
  std::vector<char> buffer(4096);
  group entry{};
  group* found = nullptr;
  int status = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  while (status == ERANGE && buffer.size() < (1U << 20)) {
    buffer.resize(buffer.size() * 2);
    status = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  }
  if (status != 0 || found == nullptr)
    return std::nullopt;
  return found->gr_gid;
}

}  // namespace parikshan::control
