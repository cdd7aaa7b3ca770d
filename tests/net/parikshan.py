"""The daemon under test and its command, as an operator runs them."""

import json
import os
import pathlib
import resource
import signal
import subprocess

from limits import seconds
from process import Process

BUILD = pathlib.Path(os.environ.get("PARIKSHAND_BUILD", "build")).resolve()
PARIKSHAND = BUILD / "daemon" / "parikshand"
PARIKSHANCTL = BUILD / "daemon" / "parikshanctl"


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(str(value))


def policy_text(duplicates, **tables):
    """A policy: `duplicates` is a list of tables, the others are one table each. Addresses are
    written by their text."""
    lines = []
    for name, keys in [*(("[[duplicate]]", keys) for keys in duplicates),
                       *((f"[{name}]", keys) for name, keys in tables.items())]:
        lines.append(name)
        for key, value in keys.items():
            lines.append(f"{key} = {toml(_plain(value))}")
        lines.append("")
    return "\n".join(lines)


def _plain(value):
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return getattr(value, "text", value)


class Daemon(Process):
    """`parikshand --foreground`. Its folder holds the policy, the log, the runtime directory and
    the spill."""

    def __init__(self, directory, duplicates, name="net", descriptors=None, prefix=(),
                 executable=PARIKSHAND, ready=True, **tables):
        self.name = name
        self.executable = pathlib.Path(executable)
        self.runtime_directory = directory / "run"
        self.policy_file = directory / f"{name}.toml"
        self.write_policy(duplicates, **tables)

        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        super().__init__([*prefix, executable, "--foreground", self.policy_file,
                          "--runtime-directory", self.runtime_directory],
                         directory / f"{name}.log", preexec=limit)
        if ready:
            try:
                self.wait_for(f"{name}: ready", within=10)
            except BaseException:
                self.kill()
                raise

    def write_policy(self, duplicates, **tables):
        """Quotas that hold what a test sends, unless it is about them: a burst that outruns the
        replica's thread, on a machine that is busy with the tests themselves, is no fault."""
        tables = {"instance": {"drain_timeout": "300ms"},
                  "buffer": {"session": "64MiB", "memory": "512MiB", "spill": "1GiB"}, **tables}
        tables["buffer"] = {"directory": self.policy_file.parent, **tables["buffer"]}
        self.policy_file.write_text(policy_text(duplicates, **tables))

    @property
    def control_socket(self):
        return self.runtime_directory / self.name / "control"

    def command(self, *arguments, prefix=()):
        """parikshanctl as it ended: return code, stdout, stderr."""
        return subprocess.run([*prefix, PARIKSHANCTL, "--runtime-directory",
                               self.runtime_directory, *arguments], capture_output=True, text=True,
                              timeout=seconds(10), check=False)

    def ask(self, command, *arguments):
        """The JSON that a parikshanctl command prints."""
        result = self.command("--json", command, self.name, *arguments)
        assert result.returncode == 0, f"parikshanctl {command}: {result.stderr}\n{self.output()}"
        return json.loads(result.stdout)

    def status(self):
        return self.ask("status")

    def port(self, number=0):
        return self.status()["ports"][number]

    def replica(self, number=0):
        return self.status()["replicas"][number]

    def ledger(self):
        return self.ask("ledger")["entries"]

    def finish(self):
        """As an operator ends it; whatever it says against that fails the test."""
        status = self.terminate(within=10)
        assert status == 0, f"parikshand ended with {status}:\n{self.output()}"

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.child.returncode is None:
                self.finish()
        finally:
            self.kill()

    def reload(self):
        self.signal(signal.SIGHUP)
