"""A server in the test's own process that plays a script on each connection.

Two of them stand as production and as replica. A script is a function of an Endpoint; what each
session saw is kept in the order in which the sessions began.
"""

import socket
import threading

from address import any_address, bound_address
from limits import eventually, seconds
from transcript import Endpoint


def echo(end):
    """Answers what it is sent until the client ends its direction, then ends too."""
    while block := end.receive(65536):
        if not end.send(block):
            break


class Session:
    def __init__(self, sock, script):
        self.end = Endpoint(sock)
        self.finished = threading.Event()
        self.failure = None
        self._script = script
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def transcript(self):
        if not self.finished.wait(seconds(30)):
            raise AssertionError(f"a server's script did not end: {self.end.events}")
        if self.failure:
            raise self.failure
        return self.end.transcript()

    def _run(self):
        try:
            self._script(self.end)
        except Exception as failure:  # pylint: disable=broad-except # re-raised by transcript()
            self.failure = failure
        finally:
            self.end.close()
            self.finished.set()


class ScriptedServer:
    """Listens from its construction; `script` may be set between sessions."""

    def __init__(self, address, script=echo):
        self.script = script
        self.sessions = []
        self._listener = address.listen()
        self.address = bound_address(self._listener)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def session(self, number, within=10):
        """The number-th session, from 0, waiting for it to begin."""
        eventually(lambda: len(self.sessions) > number, within,
                   f"session {number} at {self.address.text}")
        return self.sessions[number]

    def close(self):
        """Ends the listener at once, and each session that still goes on."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(seconds(5))
        self._listener.close()
        for session in self.sessions:
            if not session.finished.is_set():
                try:
                    session.end.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sessions.append(Session(sock, self.script))


def local_server(script=echo, transport="tcp4", directory=None, name="production"):
    return ScriptedServer(any_address(transport, directory, name), script)
