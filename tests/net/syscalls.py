"""System calls of a thread, counted and named by strace."""

import collections
import re

from limits import eventually
from process import Process

_LINE = re.compile(r"^(\d+)\s+(\w+)\((.*)")


class Trace:
    """Follows all threads of `process` during the `with` block; read it afterwards."""

    def __init__(self, directory, process):
        self._process = process
        self._file = directory / "strace.out"
        self._names = {}
        self._strace = None
        self._directory = directory

    def __enter__(self):
        self._names = self._process.threads()
        self._strace = Process(["strace", "-f", "-y", "-s", "0", "-o", self._file,
                                "-p", self._process.pid], self._directory / "strace.log")
        # One line for each thread; the process is traced from its last on.
        eventually(lambda: self._strace.output().count("attached") >= 1
                   and self._attached(), 10, "strace attached to all threads")
        return self

    def __exit__(self, *_):
        self._strace.terminate()

    def _attached(self):
        for tid in self._names:
            with open(f"/proc/{self._process.pid}/task/{tid}/status", encoding="ascii") as file:
                if "TracerPid:\t0\n" in file.read():
                    return False
        return True

    def calls(self, thread):
        """[(name, arguments)] of the threads whose name begins with `thread`; a call that strace
        shows in two parts counts once."""
        found = []
        for line in self._file.read_text(errors="replace").splitlines():
            match = _LINE.match(line)
            if match and self._names.get(int(match.group(1)), "").startswith(thread):
                found.append((match.group(2), match.group(3)))
        return found


def count(calls):
    return collections.Counter(name for name, _ in calls)
