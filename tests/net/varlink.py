"""The control socket as a Varlink client sees it: JSON messages that end with NUL."""

import json
import socket

from address import connect
from limits import seconds


class Connection:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connect(self.sock, str(path), seconds(10))
        except BaseException:
            self.sock.close()
            raise
        self._received = b""

    def send(self, method, **parameters):
        self.sock.sendall(request(method, **parameters))

    def receive(self):
        """The next reply; None at the end of the stream."""
        while b"\0" not in self._received:
            part = self.sock.recv(65536)
            if not part:
                return None
            self._received += part
        message, self._received = self._received.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.send(method, **parameters)
        return self.receive()

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def request(method, **parameters):
    return json.dumps({"method": method, "parameters": parameters}).encode() + b"\0"
