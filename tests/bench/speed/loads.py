"""The loads. Each runs against one contender once and returns what it measured."""

import csv
import json
import resource
import selectors
import socket
import time

from speed.process import Failure, run, settle


class Redis:
    """redis-benchmark, SET and GET. Unit: requests a second; p50 in milliseconds."""

    port = "redis"
    unit = "req/s"

    def __init__(self, connections, requests, pipeline=1):
        self.name = f"redis c={connections}" + (f" P={pipeline}" if pipeline > 1 else "")
        self.arguments = ["-c", connections, "-n", requests, "-P", pipeline, "-t", "set,get"]
        self.requests = 2 * requests  # SET, then GET

    def run(self, contender, address="127.0.0.1", namespace=None):
        said = run(["redis-benchmark", "-h", address, "-p", contender.ports["redis"], "--csv",
                    *self.arguments], 60, namespace)
        rows = [row for row in csv.DictReader(said.splitlines()) if row["test"] in ("SET", "GET")]
        if len(rows) != 2:
            raise Failure(f"redis-benchmark: no result in: {said[-300:]}")
        rates = [float(row["rps"]) for row in rows]
        if min(rates) <= 0:
            raise Failure(f"redis-benchmark: a rate of {min(rates)}")
        return {"value": 2 / sum(1 / rate for rate in rates),  # all requests over all time
                "p50_ms": sum(float(row["p50_latency_ms"]) for row in rows) / 2,
                "work": self.requests / 1e5}

    work = "100,000 requests"


class Bulk:
    """iperf3, client to server. Unit: bits a second that arrived."""

    port = "bulk"
    unit = "Mbit/s"

    def __init__(self, streams, seconds, name=None, options=()):
        self.name = name or f"iperf {streams} stream{'s' if streams > 1 else ''}"
        self.seconds = seconds
        self.arguments = ["-P", streams, "-t", seconds, *options]

    def run(self, contender, address="127.0.0.1", namespace=None):
        said = run(["iperf3", "-J", "-c", address, "-p", contender.ports["bulk"],
                    *self.arguments], self.seconds + 30, namespace)
        report = json.loads(said)
        sent, received = report["end"]["sum_sent"]["bytes"], report["end"]["sum_received"]
        if received["bytes"] <= 0:
            raise Failure("iperf3: nothing arrived")
        if contender.pool and sent > contender.pool:
            raise Failure(f"the load ({sent} bytes) outran the prefaulted pool ({contender.pool})")
        return {"value": received["bits_per_second"] / 1e6, "work": sent / 1e9,
                "arrived": received["bytes"]}

    work = "GB"


def measure(load, contender, **where):
    """Runs `load` once; adds the proxy's processor seconds, and for a replica the
    share of production's bytes that it had in the end."""
    replica, process = contender.replica, contender.process
    had = replica.read()[0] if replica else 0
    if contender.stopped:
        replica.hold()
    before = process.processor_seconds() if process else 0
    try:
        result = load.run(contender, **where)
    finally:
        # Whatever the load did, the next one must find the contender at rest: if it does not get
        # there, what it would measure from now on is no measurement.
        contender.broken = True
        if process:
            settle(process)
            spent = process.processor_seconds() - before
        if replica:
            replica.let_go(120 if contender.stopped else 30)
        if process:
            process.check()
        contender.broken = False
    if process:
        result["cpu_s"] = spent
    if replica and "arrived" in result:
        # A little more than production had of the load: iperf3's control connection is copied as
        # well, and so is what production left unread when it closed.
        result["copied"] = min(1.0, (replica.read()[0] - had) / result["arrived"])
    return result


def idle_memory(contender, sessions, watched, seconds=60):
    """Resident bytes of the proxy while `sessions` sessions that have been used once are idle, and
    before they were opened. The smallest of `watched` seconds: what is given back when idle is
    given back within them; what is not, is held."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < sessions + 100:
        raise Failure(f"{sessions} sessions need more descriptors than the limit of {hard}")
    settle(contender.process)
    before = contender.process.resident_bytes()
    opened = []
    try:
        with selectors.DefaultSelector() as answers:
            deadline = time.monotonic() + seconds
            for _ in range(sessions):
                there = ("127.0.0.1", contender.ports["redis"])
                client = socket.create_connection(there, timeout=10)
                opened.append(client)
                client.sendall(b"PING\r\n")
                answers.register(client, selectors.EVENT_READ)
            waiting = sessions
            while waiting:
                for key, _ in answers.select(timeout=1):
                    if key.fileobj.recv(64) != b"+PONG\r\n":
                        raise Failure("an idle session did not answer PING")
                    answers.unregister(key.fileobj)
                    waiting -= 1
                if time.monotonic() > deadline:
                    raise Failure(f"{waiting} of {sessions} idle sessions did not answer")
        settle(contender.process)
        at_least_until = time.monotonic() + watched
        smallest = contender.process.resident_bytes()
        while time.monotonic() < at_least_until:
            smallest = min(smallest, contender.process.resident_bytes())
            time.sleep(0.1)
        return {"value": smallest, "before": before}
    finally:
        for client in opened:
            client.close()
        settle(contender.process)
        if contender.replica:
            contender.replica.let_go(30)
