"""Many sessions: what they hold when idle, and what happens when descriptors run out."""

import selectors

from address import free_address
from limits import SLOW, eventually, remains, seconds
from transcript import Endpoint

IDLE = 1000 if SLOW else 5000
FEW = 64  # descriptors of the daemon: a dozen for itself, three for each session


def open_and_ping(listen, count):
    clients = []
    for _ in range(count):
        client = Endpoint(listen.connect(seconds(10), no_delay=False))
        client.send(b"ping")
        clients.append(client)
    return clients


def test_idle_sessions_hold_no_chunks(start, stub, cleanup):
    production, replica = stub("echo"), stub("echo")
    listen = free_address()
    daemon = start([{"listen": listen, "production": production.address,
                     "replicas": [replica.address]}])
    clients = open_and_ping(listen, IDLE)
    for client in clients:
        cleanup.callback(client.close)
        assert client.read(4) == b"ping"
    eventually(lambda: daemon.replica()["compared"] == 4 * IDLE, 20, "the replica has answered")
    status = daemon.status()
    assert status["ports"][0]["sessions_open"] == IDLE
    assert status["replicas"][0]["sessions_open"] == IDLE
    eventually(lambda: daemon.status()["buffer"]["chunks_used"] == 0, 5, "all chunks returned")


def answered(clients, wait):
    """Those of `clients` that have something to read within `wait` seconds of quiet."""
    ready, selector = [], selectors.DefaultSelector()
    for client in clients:
        selector.register(client.sock, selectors.EVENT_READ, client)
    while events := selector.select(wait):
        for key, _ in events:
            ready.append(key.data)
            selector.unregister(key.fileobj)
    selector.close()
    return ready


def test_accepting_pauses_when_descriptors_run_out(start, stub, cleanup):
    production, replica = stub("echo"), stub("echo")
    listen = free_address()
    daemon = start([{"listen": listen, "production": production.address,
                     "replicas": [replica.address]}], descriptors=FEW)
    first = Endpoint(listen.connect(seconds(5)))
    cleanup.callback(first.close)
    first.exchange_stream(1000)
    waiting = open_and_ping(listen, FEW)
    for client in waiting:
        cleanup.callback(client.close)
    status = eventually(lambda: (s := daemon.status())["accepting"] is False and s, 5,
                        "the status says that accepting pauses")
    assert status["not_accepting_why"]
    assert status["descriptors_limit"] == FEW
    assert 0 < status["descriptors_used"] <= FEW
    served = answered(waiting, seconds(0.3))
    assert 0 < len(served) < FEW, "some were served, some wait"
    first.exchange_stream(300000)
    remains(lambda: daemon.status()["accepting"] is False, 0.2, "it pauses while nothing is freed")
    rounds = 0
    while served:
        rounds += 1
        for client in served:
            assert client.read(4) == b"ping"
            client.end()
            waiting.remove(client)
        served = answered(waiting, seconds(0.5))
    assert not waiting, f"{len(waiting)} clients never served after {rounds} rounds"
    assert rounds > 1
    first.exchange_stream(1000)
    eventually(lambda: daemon.status()["accepting"], 5, "accepting again")
    assert daemon.port()["connect_failures"] == 0


def test_descriptors_come_back(start, stub):
    production, replica = stub("echo"), stub("echo")
    listen = free_address()
    daemon = start([{"listen": listen, "production": production.address,
                     "replicas": [replica.address]}])
    before = daemon.descriptors()
    for _ in range(5):
        clients = open_and_ping(listen, 40)
        for client in clients:
            assert client.read(4) == b"ping"
            client.end()
    eventually(lambda: daemon.descriptors() <= before, 5,
               f"no more than the {before} descriptors there were")
