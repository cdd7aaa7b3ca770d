"""Addresses of stream sockets as a policy writes them, and ports that are free.

A free port is looked for below the range the kernel gives to outgoing connections: a port taken
from that range by bind(0) and released again can become some client's own port before the daemon
has bound it.
"""

import dataclasses
import random
import socket
import struct

_HOSTS = {"tcp4": "127.0.0.1", "tcp6": "::1"}
_random = random.SystemRandom()


@dataclasses.dataclass(frozen=True)
class Address:
    family: int
    host: str  # the path of a unix socket
    port: int = 0

    @property
    def text(self):
        if self.family == socket.AF_UNIX:
            return f"unix:{self.host}"
        if self.family == socket.AF_INET6:
            return f"[{self.host}]:{self.port}"
        return f"{self.host}:{self.port}"

    @property
    def sockaddr(self):
        return self.host if self.family == socket.AF_UNIX else (self.host, self.port)

    @staticmethod
    def parse(text):
        if text.startswith("unix:"):
            return Address(socket.AF_UNIX, text[5:])
        host, port = text.rsplit(":", 1)
        if host.startswith("["):
            return Address(socket.AF_INET6, host[1:-1], int(port))
        return Address(socket.AF_INET, host, int(port))

    def connect(self, timeout, no_delay=True):
        """A connected socket whose every operation is limited to `timeout` seconds."""
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            connect(sock, self.sockaddr, timeout)
        except BaseException:
            sock.close()
            raise
        if no_delay and self.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def listen(self, backlog=512):
        sock = self.bind()
        sock.listen(backlog)
        return sock

    def bind(self):
        """Bound, not listening: to connect to it is refused."""
        sock = socket.socket(self.family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(self.sockaddr)
        except BaseException:
            sock.close()
            raise
        return sock

    def is_listening(self):
        try:
            self.connect(5).close()
            return True
        except OSError:
            return False


def connect(sock, sockaddr, timeout):
    """Python's own limit makes a socket non-blocking, and a non-blocking connect to a unix socket
    whose backlog is full fails at once instead of waiting: there the kernel's limit is used."""
    if sock.family == socket.AF_UNIX:
        limit = struct.pack("ll", int(timeout), int(timeout % 1 * 1e6))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        sock.connect(sockaddr)
        sock.settimeout(timeout)
    else:
        sock.settimeout(timeout)
        sock.connect(sockaddr)


def bound_address(sock):
    """Where a bound socket of ours is, port 0 resolved."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return Address(socket.AF_UNIX, name)
    return Address(sock.family, name[0], name[1])


def any_address(transport, directory, name):
    """Where a server of the test itself listens: the kernel chooses the port."""
    if transport == "unix":
        return Address(socket.AF_UNIX, str(directory / name))
    family = socket.AF_INET6 if transport == "tcp6" else socket.AF_INET
    return Address(family, _HOSTS[transport], 0)


def free_address(transport="tcp4", directory=None, name="listen"):
    """An address for another program to listen at."""
    if transport == "unix":
        return Address(socket.AF_UNIX, str(directory / name))
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first_outgoing = int(file.read().split()[0])
    wanted = any_address(transport, None, None)
    while True:
        candidate = dataclasses.replace(wanted, port=_random.randrange(10000, first_outgoing))
        try:
            candidate.bind().close()
            return candidate
        except OSError:
            continue


def reset(sock):
    """Closes at once with a reset instead of a FIN. A unix socket has no reset of its own: there
    the peer sees an end of stream."""
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Blackhole:
    """An address whose connects neither succeed nor fail: its backlog is full and never taken."""

    def __init__(self):
        self.listener = any_address("tcp4", None, None).listen(0)
        self.address = bound_address(self.listener)
        self.fillers = []
        for _ in range(4):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.connect_ex(self.address.sockaddr)
            self.fillers.append(sock)

    def close(self):
        for sock in [*self.fillers, self.listener]:
            sock.close()
