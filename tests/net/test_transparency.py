"""A client must not be able to tell the daemon from a direct connection; neither must production.

Each case of cases.py is played directly, then through the daemon, and what both ends saw (bytes,
order, end of stream) must be equal. Over TCP of both versions and over unix sockets; with a
replica in both copying modes, and without a copy.
"""

import collections
import threading

import pytest

from address import any_address, free_address
from cases import CASES, Stage
from limits import eventually, seconds
from parikshan import Daemon
from scripted_server import ScriptedServer, echo, local_server
from transcript import Endpoint, payload

TRANSPORTS = ("tcp4", "tcp6", "unix")
MODES = ("asynchronous", "synchronous", "passthrough")
Route = collections.namedtuple("Route", "transport mode production replica daemon listen")


@pytest.fixture(scope="module", params=[f"{transport}-{mode}" for transport in TRANSPORTS
                                        for mode in MODES])
def route(request, tmp_path_factory):
    """A daemon between a production and a replica, which are scripted by the test."""
    transport, mode = request.param.split("-")
    folder = request.getfixturevalue("module_folder") / request.param
    folder.mkdir()
    with local_server(echo, transport, folder, "production") as production, \
            local_server(echo, transport, folder, "replica") as replica:
        listen = free_address(transport, folder)
        keys = {"listen": listen, "production": production.address, "mode": mode}
        if mode != "passthrough":
            keys["replicas"] = [replica.address]
        with Daemon(folder, [keys], replica={"on_overflow": "continue"}) as daemon:
            yield Route(transport, mode, production, replica, daemon, listen)


def play(address, production, case, replica=None):
    """Plays a case by connecting to `address`; returns what client, server and replica saw."""
    stage = Stage()

    sessions = len(production.sessions), len(replica.sessions) if replica else 0
    production.script = lambda end: case.server(end, stage)
    if replica:
        replica.script = lambda end: case.replica(end, stage)
    client = Endpoint(address.connect(seconds(5)))
    try:
        case.client(client, stage)
    finally:
        client.close()
    seen = [client.transcript(), production.session(sessions[0]).transcript()]
    if replica and case.copied:
        seen.append(replica.session(sessions[1]).transcript())
    return seen


_direct = {}


def directly(route, case):
    key = route.transport, case.name
    if key not in _direct:
        _direct[key] = play(route.production.address, route.production, case)
    return _direct[key]


def all_ended(daemon):
    status = daemon.status()
    return all(item["sessions_open"] == 0 for item in status["ports"] + status["replicas"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_ends_see_a_direct_connection(route, case):
    expected = directly(route, case)
    assert "timeout" not in str(expected)
    copying = route.mode != "passthrough"
    seen = play(route.listen, route.production, case, route.replica if copying else None)
    assert {"client": seen[0], "server": seen[1]} == {"client": expected[0],
                                                      "server": expected[1]}
    if copying and case.copied:
        assert received(seen[2]) == received(expected[1]), "the replica got other bytes"
    eventually(lambda: all_ended(route.daemon), 10, "the daemon has ended the session")


def received(transcript):
    """The data events of an end: what it was sent, without how the session ended."""
    return [event for event in transcript if event[0] == "data"]


def test_parallel_sessions_do_not_mix(route):
    count = 200
    route.production.script = route.replica.script = echo
    clients = [Endpoint(route.listen.connect(seconds(5))) for _ in range(count)]
    messages = [number.to_bytes(4, "big") * (10 + number) for number in range(count)]
    for _ in range(3):
        for client, message in zip(clients, messages):
            assert client.send(message)
        for client, message in zip(clients, messages):
            assert client.read(len(message)) == message
    for client in clients:
        client.fin()
    for client in clients:
        assert client.read_to_end() == 0
        client.close()
    eventually(lambda: all_ended(route.daemon), 20, "the daemon has ended all sessions")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_production_that_comes_up_later_serves_the_next_client(transport, folder, start):
    # Through a proxy a refused connection cannot be refused: the client is accepted, and then
    # sees the session end with no byte.
    production = (free_address if transport != "unix" else any_address)(transport, folder,
                                                                        "production")
    listen = free_address(transport, folder)
    daemon = start([{"listen": listen, "production": production}])
    for _ in range(3):
        try:
            client = Endpoint(listen.connect(seconds(5)))
        except ConnectionResetError:
            continue  # the reset came before connect() had returned
        assert client.read_to_end() == 0
        assert client.transcript() in (["reset"], ["fin"])
        client.close()
    eventually(lambda: daemon.port()["connect_failures"] == 3, 5, "three failures counted")
    with ScriptedServer(production):
        client = Endpoint(listen.connect(seconds(5)))
        assert client.send(payload(1000))
        assert client.read(1000) == payload(1000)
        client.close()
    assert daemon.port()["connect_failures"] == 3


def test_sessions_begin_while_others_are_busy(route):
    """New clients are served while a bulk transfer goes on."""
    route.production.script = route.replica.script = echo
    stop = threading.Event()
    moved = []

    def bulk():
        end = Endpoint(route.listen.connect(seconds(5)))
        message, total = payload(50000), 0
        while not stop.is_set():
            assert end.send(message) and end.read(len(message)) == message
            total += len(message)
        end.close()
        moved.append(total)
    worker = threading.Thread(target=bulk)
    worker.start()
    try:
        for _ in range(50):
            client = Endpoint(route.listen.connect(seconds(5)))
            assert client.send(b"ping") and client.read(4) == b"ping"
            client.close()
    finally:
        stop.set()
        worker.join(seconds(20))
    assert moved and moved[0] > 0
