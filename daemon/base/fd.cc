#include "base/fd.h"

#include <unistd.h>

namespace parikshan {

void Fd::reset(int fd) {
  // close(2) frees the descriptor even when it reports EINTR or EIO on Linux; retrying could
  // close somebody else's.
  if (fd_ >= 0)
    ::close(fd_);
  fd_ = fd;
}

}  // namespace parikshan
