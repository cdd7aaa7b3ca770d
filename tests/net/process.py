"""Child processes of the tests: started with their output in a file, ended by their pid."""

import os
import signal
import subprocess

from limits import eventually, seconds


class Process:
    """A child whose stdout and stderr go to `log`. Ends with the `with` block at the latest."""

    def __init__(self, command, log, preexec=None, cwd=None, env=None):
        self.log = log
        with open(log, "wb") as output:
            self.child = subprocess.Popen([str(part) for part in command], stdout=output,
                                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                          preexec_fn=preexec, cwd=cwd, env=env)
        self.pid = self.child.pid

    def output(self):
        return self.log.read_text(errors="replace")

    def running(self):
        return self.child.poll() is None

    def wait_for(self, text, within=10):
        """Until `text` stands in the output; a child that ends before fails at once."""
        def seen():
            if text in self.output():
                return True
            if not self.running():
                raise AssertionError(f"{self.child.args[0]} ended with {self.child.returncode} "
                                     f"before '{text}':\n{self.output()}")
            return False
        eventually(seen, within, f"'{text}' from {self.child.args[0]}; see {self.log}")

    def signal(self, number):
        self.child.send_signal(number)

    def stop(self):
        """SIGSTOP, and waits until the kernel has stopped it."""
        self.signal(signal.SIGSTOP)
        eventually(lambda: self._state() == "T", 5, f"process {self.pid} stopped")

    def resume(self):
        self.signal(signal.SIGCONT)

    def wait(self, within=10):
        """Exit status, negative for a signal; one that does not end in time is killed."""
        try:
            return self.child.wait(seconds(within))
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.child.args[0]} did not end within {seconds(within)} s:\n"
                                 f"{self.output()}") from None

    def terminate(self, within=10):
        if self.running():
            self.signal(signal.SIGTERM)
            self.resume()
        return self.wait(within)

    def kill(self):
        if self.running():
            self.child.kill()
        self.child.wait()

    def threads(self):
        """{thread id: name}."""
        names = {}
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{tid}/comm", encoding="ascii") as file:
                names[int(tid)] = file.read().strip()
        return names

    def resident(self):
        """Bytes of memory."""
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def _state(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
