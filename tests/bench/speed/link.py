"""A 1 Gbit/s link between two network namespaces, and everything on its far side.

The namespaces have no names: each belongs to a process that only waits, and goes with it, the link
with them. So nothing is left over even when the bench is killed. The near side sends through tbf;
where the kernel has no tbf, through htb, and where it has neither, iperf3 paces its socket."""

import subprocess

from speed.contenders import haproxy, native, nginx
from speed.process import Failure, Process, run

RATE = "1gbit"
NEAR, FAR = "10.99.0.1", "10.99.0.2"
SHAPERS = {
    "tbf": [["root", "tbf", "rate", RATE, "burst", "128kb", "latency", "20ms"]],
    "htb": [["root", "handle", "1:", "htb", "default", "1"],
            ["parent", "1:", "classid", "1:1", "htb", "rate", RATE]],
}


class Link:
    def __init__(self, folder, stack):
        self.folder = folder
        self.stack = stack
        self.near = self.namespace("near")
        self.far = self.namespace("far")
        for pid, device, other, address in ((self.near, "link-near", "link-far", NEAR),
                                            (self.far, "link-far", None, FAR)):
            if other:
                run(["ip", "link", "add", device, "type", "veth", "peer", "name", other, "netns",
                     self.far], 10, pid)
            for command in (["ip", "link", "set", "lo", "up"],
                            ["ip", "addr", "add", f"{address}/24", "dev", device],
                            ["ip", "link", "set", device, "up"]):
                run(command, 10, pid)
        self.shaper = self.shape()

    def namespace(self, name):
        # Its first line of output comes from inside: the namespace is there when it has been read.
        command = ["unshare", "--net", "sh", "-c", "echo ready; exec sleep 3600"]
        waiter = Process(f"link-{name}", command, self.folder, output=subprocess.PIPE)
        self.stack.callback(waiter.stop)
        if waiter.child.stdout.readline() != b"ready\n":
            raise Failure("no network namespace: is this root?")
        return waiter.pid

    def shape(self):
        for name, steps in SHAPERS.items():
            try:
                for kind, step in zip(("qdisc", "class"), steps):
                    run(["tc", kind, "add", "dev", "link-near", *step], 10, self.near)
                return name
            except Failure:
                continue
        return "socket pacing"

    def load_options(self):
        return ["--fq-rate", "1G"] if self.shaper == "socket pacing" else []

    def contenders(self, parikshan, wanted):
        """Everything on the far side: production, and each proxy before it, one at a time."""
        port = {"bulk": 5201, "redis": 5202}  # the namespace is empty: no port can be taken
        server = Process("link-iperf3", ["iperf3", "-s", "-4", "-p", port["bulk"]],
                         self.folder, namespace=self.far)
        self.stack.callback(server.stop)
        server.await_port(port["bulk"], "0.0.0.0", self.far)
        where = {"address": FAR, "namespace": self.far}
        makers = {"native": lambda: native(port),
                  "haproxy": lambda: haproxy(port, 1, self.folder, **where),
                  "nginx": lambda: nginx(port, 1, self.folder, **where),
                  "pass": lambda: parikshan.contender("pass", port, 1, mode="passthrough", **where),
                  "sink": lambda: parikshan.contender("sink", port, 1, **where),
                  "stopped": lambda: parikshan.contender("stopped", port, 1, stopped=True,
                                                         spill="32GiB", **where)}
        for name, make in makers.items():
            if name in wanted:
                contender = make()
                self.stack.callback(contender.stop)
                for each in (server, contender.process):
                    if each:
                        each.check()
                yield contender
