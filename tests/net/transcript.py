"""What one end of a session saw, as a list of events that can be compared.

Two runs of a case cut their bytes differently, so consecutive data is one event: its length and
hash. ('data', n, sha256), 'fin' (the peer ended its direction), 'reset' (the peer is gone; EPIPE
counts as the same), 'timeout' and whatever a script notes.
"""

import hashlib
import random
import select
import socket
import time

from address import reset
from limits import MIB, seconds

BLOCK = 256 * 1024
_pattern = random.Random(20180903).randbytes(MIB)


def stream(length):
    """`length` bytes in blocks, no two alike: a block lost, repeated or moved changes the hash."""
    for offset in range(0, length, MIB):
        size = min(MIB, length - offset)
        yield (offset.to_bytes(8, "big") + _pattern[8:])[:size]


def payload(length):
    return b"".join(stream(length))


class Endpoint:
    """A socket that writes down what happens to it. Owned by one thread."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(seconds(20))
        self.events = []
        self._hash = None
        self._length = 0

    def note(self, *event):
        self._flush()
        self.events.append(event if len(event) > 1 else event[0])

    def transcript(self):
        self._flush()
        return self.events

    def read(self, length):
        """Exactly `length` bytes, or what came before the end of the stream."""
        got = bytearray()
        while len(got) < length:
            block = self.receive(length - len(got))
            if not block:
                break
            got += block
        return bytes(got)

    def read_to_end(self):
        """Number of bytes until the peer ended, however it did."""
        total = 0
        while block := self.receive(BLOCK):
            total += len(block)
        return total

    def send(self, data):
        """False, and an event, when the peer is gone."""
        try:
            self.sock.sendall(data)
            return True
        except socket.timeout:
            self.note("timeout sending")
        except (BrokenPipeError, ConnectionResetError):
            self.note("reset")
        return False

    def send_stream(self, length):
        return all(self.send(block) for block in stream(length))

    def send_until_blocked(self, length, quiet):
        """Sends at most `length` bytes of the stream until nothing was accepted for `quiet`
        seconds; returns how many were accepted."""
        accepted = 0
        self.sock.setblocking(False)
        for block in stream(length):
            view = memoryview(block)
            deadline = time.monotonic() + quiet
            while view:
                _, writable, _ = select.select([], [self.sock], [], 0.05)
                sent = self._try_send(view) if writable else 0
                if sent:
                    view = view[sent:]
                    accepted += sent
                    deadline = time.monotonic() + quiet
                elif time.monotonic() > deadline:
                    self.sock.settimeout(seconds(20))
                    return accepted
        self.sock.settimeout(seconds(20))
        return accepted

    def send_rest(self, length, accepted):
        """What send_until_blocked() left of the stream."""
        offset = 0
        for block in stream(length):
            if offset + len(block) > accepted:
                if not self.send(block[max(0, accepted - offset):]):
                    return False
            offset += len(block)
        return True

    def exchange_stream(self, length, block=65536, pause=None):
        """Sends the stream to an echo and reads it back, block by block, and calls `pause` before
        each MiB; the sha256 of it."""
        digest = hashlib.sha256()
        for part in stream(length):
            if pause:
                pause()
            for offset in range(0, len(part), block):
                piece = part[offset:offset + block]
                assert self.send(piece), self.transcript()
                assert self.read(len(piece)) == piece, "the echo is not what was sent"
                digest.update(piece)
        return digest.hexdigest()

    def fin(self):
        """Ends the own direction; reading goes on."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.note("shutdown failed", error.errno)

    def close(self):
        self.sock.close()

    def end(self):
        """Ends the own direction, waits for the other's end, closes."""
        self.fin()
        rest = self.read_to_end()
        self.close()
        assert rest == 0, f"{rest} bytes too many"

    def reset(self):
        reset(self.sock)

    def _try_send(self, view):
        try:
            return self.sock.send(view)
        except BlockingIOError:
            return 0

    def receive(self, length):
        try:
            block = self.sock.recv(length)
        except socket.timeout:
            self.note("timeout receiving")
            return b""
        except ConnectionResetError:
            self.note("reset")
            return b""
        if not block:
            self.note("fin")
            return b""
        if self._hash is None:
            self._hash = hashlib.sha256()
        self._hash.update(block)
        self._length += len(block)
        return block

    def _flush(self):
        if self._hash is not None:
            self.events.append(("data", self._length, self._hash.hexdigest()))
            self._hash, self._length = None, 0
