"""Handle of a stub_service.py process."""

import itertools
import json
import os
import pathlib
import re
import socket

from address import Address
from limits import eventually
from process import Process

_numbers = itertools.count()


class StubService(Process):
    """All but an echo run at low priority: what they do to production is to be seen, and on a
    small machine an answer ten times as long would be seen first in the processor's time."""

    def __init__(self, directory, behaviour, amount=0):
        self.behaviour = behaviour
        program = pathlib.Path(__file__).with_name("stub_service.py")
        super().__init__(["/usr/bin/python3", program, behaviour, amount],
                         directory / f"{behaviour}-{next(_numbers)}.log",
                         preexec=None if behaviour == "echo" else lambda: os.nice(15))
        self.wait_for("\n")
        port = int(re.match(r"port (\d+)\n", self.output()).group(1))
        self.address = Address(socket.AF_INET, "127.0.0.1", port)

    def sessions(self):
        """What each ended session received, in the order in which they ended."""
        lines = self.output().splitlines(keepends=True)[1:]
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_for_sessions(self, count, within=10):
        eventually(lambda: len(self.sessions()) >= count, within,
                   f"{count} ended sessions at the {self.behaviour} service")
        return self.sessions()
