"""Production's clients notice nothing of a replica, however bad it is.

Each kind of bad replica stands behind the same load, whose clients check every byte. The limit on
the time is a factor of three over the same load without a copy, in the same run: a guard against
clients that wait for a replica, not a claim about speed.
"""

import pytest

from address import Blackhole, any_address, bound_address, free_address
from ledger import check_now, check_totals
from limits import KIB, eventually
from load import EchoLoad
from parikshan import Daemon
from stub import StubService

# Quotas that the load exceeds several times over, so that a replica that does not read falls out.
SMALL = {"session": "128KiB", "memory": "1MiB", "spill": "1MiB"}
FACTOR, FLOOR = 3, 2.0


@pytest.fixture(scope="module")
def production(module_folder):
    with StubService(module_folder, "echo") as service:
        yield service


@pytest.fixture(scope="module")
def usual_duration(module_folder, production):
    """Seconds of the load through the daemon without a copy; not less than FLOOR, as a short run
    is mostly noise."""
    listen = free_address()
    with Daemon(module_folder, [{"listen": listen, "production": production.address,
                                 "mode": "passthrough"}]):
        return max(FLOOR, EchoLoad(listen).run().duration)


def refused(_, cleanup):
    return bound_address(cleanup.enter_context(any_address("tcp4", None, None).bind()))


def absent(_, cleanup):
    hole = Blackhole()
    cleanup.callback(hole.close)
    return hole.address


def stopped(stub, cleanup):
    service = stub("echo")
    service.stop()
    cleanup.callback(service.resume)
    return service.address


def missing_socket(_, cleanup):
    return "unix:/tmp/pk-no-such-socket"


REPLICAS = {
    "refused": refused,
    "absent": absent,
    "missing_socket": missing_socket,
    "stopped": stopped,
    "good": lambda stub, _: stub("echo").address,
    "slow": lambda stub, _: stub("slow").address,
    "closes_at_once": lambda stub, _: stub("closes", 1).address,
    "closes_early": lambda stub, _: stub("closes", 100 * KIB).address,
    "resets_early": lambda stub, _: stub("resets", 100 * KIB).address,
    "garbage": lambda stub, _: stub("garbage").address,
    "tenfold": lambda stub, _: stub("tenfold").address,
    "silent": lambda stub, _: stub("silent").address,
}
IN_SYNC = ("good",)
DELIVERED = ("good", "garbage", "tenfold", "silent")
LOST = ("refused", "missing_socket", "absent", "stopped", "closes_early", "resets_early",
        "closes_at_once")


@pytest.mark.parametrize("kind", REPLICAS)
def test_clients_notice_nothing(kind, production, usual_duration, stub, start, cleanup):
    listen = free_address()
    quotas = {} if kind in DELIVERED else {"buffer": SMALL}
    daemon = start([{"listen": listen, "production": production.address,
                     "replicas": [REPLICAS[kind](stub, cleanup)]}],
                   replica={"on_overflow": "continue"}, **quotas)
    load = EchoLoad(listen).start()
    while load.running():
        check_now(daemon)
    load.finish()
    assert load.duration < FACTOR * usual_duration
    status = check_totals(daemon, load.sent, load.received)
    assert status["ports"][0]["sessions_total"] == 8
    replica = status["replicas"][0]
    assert replica["sessions"] == 8
    if kind in DELIVERED:
        eventually(lambda: daemon.replica()["delivered"] == load.sent, 30, "all bytes delivered")
    if kind in LOST:
        eventually(lambda: daemon.replica()["lost"] > 0, 10, "the loss is in the ledger")
    if kind in IN_SYNC:
        eventually(lambda: daemon.replica()["compared"] == load.received, 30,
                   "all answers compared")
        assert daemon.status()["state"] == "in-sync"
    else:
        eventually(lambda: daemon.status()["state"] != "in-sync", 20, "the replica is noticed")
    check_now(daemon)


def test_two_workers_with_a_stopped_replica(production, usual_duration, stub, start):
    replica = stub("echo")
    replica.stop()
    listen = free_address()
    daemon = start([{"listen": listen, "production": production.address,
                     "replicas": [replica.address]}],
                   instance={"workers": 2, "drain_timeout": "300ms"}, buffer=SMALL,
                   replica={"on_overflow": "continue"})
    load = EchoLoad(listen).run()
    assert load.duration < FACTOR * usual_duration
    check_totals(daemon, load.sent, load.received)


def test_replica_that_comes_and_goes(production, usual_duration, stub, start):
    """A replica that is stopped and let go again all the time, under load."""
    replica = stub("echo")
    listen = free_address()
    daemon = start([{"listen": listen, "production": production.address,
                     "replicas": [replica.address]}],
                   buffer=SMALL, replica={"on_overflow": "continue"})
    load = EchoLoad(listen).start()
    while load.running():
        replica.stop()
        check_now(daemon)
        replica.resume()
        check_now(daemon)
    load.finish()
    assert load.duration < FACTOR * usual_duration
    check_totals(daemon, load.sent, load.received)


def test_stopped_replica_does_not_hold_the_end_up(production, stub, start):
    """Clients that end are let go, and the daemon ends, while a replica still owes everything."""
    replica = stub("echo")
    replica.stop()
    listen = free_address()
    daemon = start([{"listen": listen, "production": production.address,
                     "replicas": [replica.address]}], replica={"on_overflow": "continue"})
    EchoLoad(listen, clients=2, sessions=1, messages=20).run()
    eventually(lambda: daemon.port()["sessions_open"] == 0, 2, "the sessions have ended")
    assert daemon.terminate(within=2) == 0
