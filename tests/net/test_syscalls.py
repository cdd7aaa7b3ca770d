"""What a copy costs the production path, in system calls.

A plain proxy of ours, with the copy compiled out, is the measure: the production thread must make
no more calls for a message than it does, whichever mode, and none that can wait for a disk or
for another thread.
"""

import threading

import pytest

from address import free_address
from limits import MIB, bulk, eventually, seconds
from parikshan import BUILD, Daemon
from process import Process
from scripted_server import echo
from syscalls import Trace, count
from transcript import Endpoint, payload

MESSAGES = 500
WARM_UP = 50
ALLOWED = 1.01  # a stray wake-up of a timer or two
CONSTANT = 12

# Names of calls that can wait for a disk, or for another thread.
DISK = {"open", "openat", "openat2", "creat", "pwrite64", "pwritev", "pwritev2", "fsync",
        "fdatasync", "fallocate", "ftruncate", "pread64", "msync", "sync_file_range"}


class PlainProxy(Process):
    def __init__(self, directory, listen, production):
        super().__init__([BUILD / "tests" / "net" / "plain-proxy", listen.text, production.text],
                         directory / "plain.log")
        eventually(listen.is_listening, 5, "the plain proxy listens")


@pytest.fixture(params=["asynchronous", "passthrough"])
def mode(request):
    return request.param


def exchange(end, messages):
    message = payload(64)
    for _ in range(messages):
        assert end.send(message)
        assert end.read(64) == message


def messages_traced(folder, process, listen):
    end = Endpoint(listen.connect(seconds(5)))
    exchange(end, WARM_UP)
    with Trace(folder, process) as trace:
        exchange(end, MESSAGES)
    end.close()
    return trace


def daemon_keys(mode, listen, production, replica):
    keys = {"listen": listen, "production": production.address, "mode": mode}
    return {**keys, "replicas": [replica.address]} if mode != "passthrough" else keys


def thread_of(process):
    """The plain proxy has one thread; the daemon's production threads are named."""
    return "worker-" if isinstance(process, Daemon) else ""


def test_message_costs_no_more_calls_than_in_a_plain_proxy(mode, folder, server, cleanup):
    production, replica = server(echo), server(echo)
    plain_listen, listen = free_address(), free_address()
    plain = cleanup.enter_context(PlainProxy(folder, plain_listen, production.address))
    daemon = cleanup.enter_context(
        Daemon(folder, [daemon_keys(mode, listen, production, replica)]))
    expected = count(messages_traced(folder, plain, plain_listen).calls(""))
    got = count(messages_traced(folder, daemon, listen).calls("worker-"))
    assert sum(expected.values()) >= 4 * MESSAGES, f"too few to be true: {expected}"
    assert sum(got.values()) >= 4 * MESSAGES, f"too few to be true: {got}"
    assert sum(got.values()) <= ALLOWED * sum(expected.values()) + CONSTANT, (got, expected)


def test_a_replica_that_is_gone_costs_no_call_either(folder, server, cleanup):
    """Refused: its legs are over at once, and nobody is to be told of what is appended."""
    production = server(echo)
    plain_listen, listen = free_address(), free_address()
    plain = cleanup.enter_context(PlainProxy(folder, plain_listen, production.address))
    daemon = cleanup.enter_context(Daemon(folder, [
        {"listen": listen, "production": production.address, "replicas": [free_address()]}]))
    expected = count(messages_traced(folder, plain, plain_listen).calls(""))
    trace = messages_traced(folder, daemon, listen)
    got = count(trace.calls("worker-"))
    assert sum(got.values()) >= 4 * MESSAGES, f"too few to be true: {got}"
    assert sum(got.values()) <= ALLOWED * sum(expected.values()) + CONSTANT, (got, expected)
    rounds = len(trace.calls("replica"))
    assert rounds < MESSAGES, f"the replica thread made {rounds} calls with nothing to do"


def test_production_thread_never_touches_a_disk_or_waits_for_a_thread(folder, server, start):
    """With a replica that lags into the spill, which is when there is most to be tempted by."""
    production = server(echo)
    stop = threading.Event()
    replica = server(lambda end: stop.wait(seconds(30)))
    listen = free_address()
    daemon = start([daemon_keys("asynchronous", listen, production, replica)],
                   buffer={"session": "1MiB", "memory": "64MiB", "spill": "256MiB"},
                   replica={"on_overflow": "continue"})
    end = Endpoint(listen.connect(seconds(5)))
    exchange(end, WARM_UP)
    with Trace(folder, daemon) as trace:
        exchange(end, 50)
        for _ in range(16 * MIB // 65536):
            assert end.send(payload(65536)) and len(end.read(65536)) == 65536
    assert daemon.status()["buffer"]["spill_used"] > 0, "this was to be a test with a spill"
    stop.set()
    calls = trace.calls("worker-")
    assert len(calls) > 100, "the production thread was not seen"
    assert not [call for call in calls if call[0] in DISK]
    assert not [call for call in calls if call[0] == "futex" and "_WAIT" in call[1]]
    on_files = [call for call in calls if call[0] in ("write", "writev", "read", "readv")
                and "<socket:" not in call[1] and "<anon_inode:" not in call[1]
                and "<TCP" not in call[1] and "<UNIX" not in call[1]]
    assert not on_files, on_files
    spilled = [call for call in trace.calls("spill") if call[0].startswith(("pwrite", "write"))]
    assert spilled, "the spill thread was not seen to write"


def test_bulk_costs_no_more_calls_than_in_a_plain_proxy(mode, folder, server, cleanup):
    """The number of calls for a stream depends on how the threads happen to be scheduled, so the
    least of three is compared, with more room."""
    size = bulk(32 * MIB)
    production, replica = server(echo), server(echo)
    plain_listen, listen = free_address(), free_address()
    plain = cleanup.enter_context(PlainProxy(folder, plain_listen, production.address))
    daemon = cleanup.enter_context(
        Daemon(folder, [daemon_keys(mode, listen, production, replica)],
               buffer={"session": "4MiB", "memory": "64MiB", "spill": "256MiB"}))

    def least(process, address):
        counts = []
        for _ in range(3):
            production.script = lambda end: end.read_to_end()
            replica.script = production.script
            end = Endpoint(address.connect(seconds(5)))
            end.send(b"warm")
            with Trace(folder, process) as trace:
                assert end.send_stream(size)
                end.fin()
                assert end.read_to_end() == 0
            end.close()
            counts.append(count(trace.calls(thread_of(process))))
        return min(counts, key=lambda counted: sum(counted.values()))
    expected, got = least(plain, plain_listen), least(daemon, listen)
    assert sum(got.values()) <= 1.15 * sum(expected.values()) + CONSTANT, (got, expected)
