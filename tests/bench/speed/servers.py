"""The servers behind the proxies: production, and the replicas a copy goes to."""

import pathlib
import signal
import struct
import subprocess
import time

from speed.process import Failure, Process, await_condition, free_port


def start_at_free_port(name, command_for, folder, namespace=None):
    """Starts a server that must be told its port; tries again if somebody else took it first."""
    for _ in range(5):
        port = free_port()
        server = Process(f"{name}-{port}", command_for(port), folder, namespace=namespace)
        try:
            server.await_port(port, seconds=10)
            return server, port
        except Failure as failure:
            problem = failure
            server.stop()
    raise problem


def redis(folder):
    return start_at_free_port("redis", lambda port: [
        "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
        "--dir", folder, "--daemonize", "no", "--tcp-backlog", "4096"], folder)


def iperf(folder):
    return start_at_free_port("iperf3", lambda port: [
        "iperf3", "-s", "-B", "127.0.0.1", "-p", port], folder)


class Sink:
    """The discarding replica (tests/bench/sink.cc), which can be stopped and let go on."""

    def __init__(self, name, program, folder, namespace=None):
        self.counts = pathlib.Path(folder, f"{name}.counts")
        self.process = Process(name, [program, self.counts], folder, namespace=namespace,
                               output=subprocess.PIPE)
        line = self.process.child.stdout.readline()  # ends, at the latest, when the sink does
        self.process.check()
        self.port = int(line)

    def read(self):
        """Bytes dropped, connections open, connections accepted."""
        return struct.unpack("=3Q", self.counts.read_bytes())

    def hold(self):
        self.process.signal(signal.SIGSTOP)

    def let_go(self, seconds):
        """Lets it go on and waits until it has had everything: all connections at their end for
        a while (new ones may still be on their way in)."""
        self.process.signal(signal.SIGCONT)
        quiet_since = None
        seen = None

        def drained():
            nonlocal quiet_since, seen
            self.process.check()
            now = self.read()
            if now[1] != 0 or now != seen:
                seen, quiet_since = now, time.monotonic()
            return now[1] == 0 and time.monotonic() - quiet_since > 0.25

        await_condition(drained, seconds, f"{self.process.name} drained")

    def stop(self):
        self.process.stop()
