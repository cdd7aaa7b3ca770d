"""Clients of an echo service, each of which checks every byte that it gets back."""

import random
import threading
import time

from limits import KIB, seconds

# 8 MiB a session on average: more than the 4 MiB or so that the kernel keeps for a reader that
# never reads.
_SIZES = (1, 10, 100, 900, 4 * KIB, 20 * KIB, 64 * KIB, 256 * KIB)
_MIXED = random.Random(7).randbytes(512 * KIB)


class EchoLoad:
    """`clients` at once; each opens `sessions` in turn and exchanges `messages` of mixed sizes in
    each. The same parameters are the same bytes."""

    def __init__(self, address, clients=4, sessions=2, messages=200):
        self.sent = 0
        self.received = 0
        self.errors = []
        self.duration = 0.0
        self.slowest = 0.0
        self._address = address
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._client, args=(number, sessions, messages))
                         for number in range(clients)]

    def start(self):
        self._begin = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def running(self):
        return any(thread.is_alive() for thread in self._threads)

    def finish(self):
        """Waits for all clients; an error of any is an AssertionError."""
        for thread in self._threads:
            thread.join(seconds(40))
            assert not thread.is_alive(), "a client of the load did not end"
        self.duration = time.monotonic() - self._begin
        assert not self.errors, self.errors
        return self

    def run(self):
        return self.start().finish()

    def _client(self, number, sessions, messages):
        try:
            for session in range(sessions):
                self._session(random.Random(number * 1000 + session), messages)
        except Exception as error:  # pylint: disable=broad-except # finish() reports it
            self.errors.append(f"client {number}: {error!r}")

    def _session(self, chance, messages):
        with self._address.connect(seconds(10)) as sock:
            for number in range(messages):
                begin = time.monotonic()
                size, start = chance.choice(_SIZES), chance.randrange(64 * KIB)
                message = _MIXED[start:start + size]
                sock.sendall(message)
                answer = _read(sock, size)
                with self._lock:
                    self.sent += size
                    self.received += len(answer)
                    self.slowest = max(self.slowest, time.monotonic() - begin)
                if answer != message:
                    raise AssertionError(f"message {number}: {len(answer)} of {size} bytes, or "
                                         "others than were sent")
            sock.shutdown(1)
            rest = sock.recv(1)
            assert rest == b"", f"a byte too many: {rest}"


def _read(sock, length):
    parts, missing = [], length
    while missing:
        part = sock.recv(missing)
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
