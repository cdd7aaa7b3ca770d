#pragma once

#include "base/error.h"
#include "base/fd.h"
#include "net/address.h"

namespace parikshan::net {

/// A non-blocking listening socket. IPv6 ones take IPv6 alone, so that "[::]:P" and "0.0.0.0:P"
/// can stand side by side. The file of a unix socket that nobody listens on any more is replaced;
/// one that answers is an error.
Result<Fd> listen_on(const Address& address);

/// Starts a non-blocking connect; the socket is writable when it is decided, connect_error() says
/// how. Errors: no descriptor (EMFILE, ENFILE), or refused at once (unix sockets).
/// A socket whose number is `descriptors_below` or more is given up with EMFILE before anybody is
/// dialled: numbers are given out from the lowest, so they tell how many are left.
Result<Fd> start_connect(const Address& address, std::uint64_t descriptors_below = UINT64_MAX);

/// What became of a connect: 0, or the errno.
int connect_error(int fd);

/// Small messages go out as they come, dead peers are noticed in the end.
void tune_stream(int fd, const Address& address);

/// Closes so that the peer sees a reset, where the protocol has one.
void reset_and_close(Fd fd);

/// Raises the soft limit of open descriptors to the hard one; the number that holds.
std::uint64_t raise_descriptor_limit();

}  // namespace parikshan::net
