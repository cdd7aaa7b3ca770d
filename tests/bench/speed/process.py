"""Processes the bench starts: each ends by its pid, and none outlives the bench."""

import ctypes
import ipaddress
import os
import pathlib
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
TICKS = os.sysconf("SC_CLK_TCK")
libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """A load or a server that did not do what it was asked to."""


def free_port():
    """A port nobody listens on now. Whoever binds it next must be ready to lose the race."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_condition(holds, seconds, what):
    """Polls until `holds()`; Failure after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def answers(address, port, namespace=None):
    """Whether somebody listens there, looked up rather than dialled: a probe would be a session."""
    table = pathlib.Path(f"/proc/{namespace or 'self'}/net/tcp").read_text()
    words = ipaddress.ip_address(address).packed[::-1].hex().upper()
    listening = f":{port:04X} 00000000:0000 0A "
    return f" {words}{listening}" in table or f" 00000000{listening}" in table


def run(command, seconds, namespace=None):
    """Runs a command to its end and returns its output. Failure on a bad status or a timeout."""
    try:
        done = subprocess.run(within(namespace, command), capture_output=True, text=True,
                              timeout=seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Failure(f"{command[0]}: not done within {seconds} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-400:]
        raise Failure(f"{command[0]}: exit status {done.returncode}: {said}")
    return done.stdout


def within(namespace, command):
    """The command, run in the network namespace of the process `namespace` if there is one."""
    command = [str(word) for word in command]
    return command if namespace is None else ["nsenter", "-t", str(namespace), "-n", "--"] + command


class Process:
    """A server of the bench, with a log file in its folder. `death` is the signal it gets when the
    bench dies: SIGKILL unless it has children to take along."""

    def __init__(self, name, command, folder, death=signal.SIGKILL, namespace=None, output=None):
        self.name = name
        self.log = pathlib.Path(folder, f"{name}.log")

        def follow_parent():
            libc.prctl(PR_SET_PDEATHSIG, death, 0, 0, 0)

        with self.log.open("w") as log:
            self.child = subprocess.Popen(
                within(namespace, command), stdin=subprocess.DEVNULL, stdout=output or log,
                stderr=log, preexec_fn=follow_parent, cwd=folder)
        self.pid = self.child.pid

    def alive(self):
        return self.child.poll() is None

    def check(self):
        if not self.alive():
            said = self.log.read_text(errors="replace").strip()[-400:]
            raise Failure(f"{self.name} ended with status {self.child.returncode}: {said}")

    def await_port(self, port, address="127.0.0.1", namespace=None, seconds=60):
        def ready():
            self.check()
            return answers(address, port, namespace)
        await_condition(ready, seconds, f"{self.name} at port {port}")

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def stop(self):
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(10)
        if self.child.stdout:
            self.child.stdout.close()

    def family(self):
        """The pids of the process and its children (nginx's workers)."""
        pids = [self.pid]
        for pid in pids:
            try:
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    pids += [int(child) for child in (task / "children").read_text().split()]
            except FileNotFoundError:
                pass  # it ended in between
        return pids

    def processor_seconds(self):
        """User and system time of all threads, those that have ended included."""
        ticks = 0
        for pid in self.family():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def resident_bytes(self):
        total = 0
        for pid in self.family():
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
        return total


def settle(process):
    """Waits until the proxy is done with what a load left it to do: no processor time for 80 ms."""
    seen = [time.monotonic(), process.processor_seconds()]

    def quiet():
        now = process.processor_seconds()
        if now != seen[1]:
            seen[:] = [time.monotonic(), now]
        return time.monotonic() - seen[0] > 0.08

    await_condition(quiet, 60, f"{process.name} at rest")
