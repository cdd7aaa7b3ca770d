"""Memory, then the spill, then an overflow at a known byte: never production.

The amounts are many times the quotas plus what the kernel keeps in the replica's socket, so that
the outcome does not depend on how much that happens to be.
"""

import subprocess

import pytest

from address import free_address
from ledger import check_entry, check_now, check_totals, entry_of
from limits import KIB, MIB, bulk, eventually, seconds
from transcript import Endpoint

QUOTAS = {"session": "64KiB", "memory": "1MiB", "spill": "1MiB"}
# Of memory there is enough for what arrives while the replica's thread waits for a processor.
ROOMY = {"session": "1MiB", "memory": "32MiB", "spill": "4MiB"}
FLOOD = bulk(48 * MIB)


@pytest.fixture
def production(stub):
    return stub("echo")


@pytest.fixture
def replica(stub, cleanup):
    """A good replica, stopped."""
    service = stub("echo")
    service.stop()
    cleanup.callback(service.resume)
    return service


@pytest.fixture
def run(start, production):
    """run(replicas, ...): a daemon before them, and a function that opens a session."""
    def begin(replicas, **tables):
        listen = free_address()
        daemon = start([{"listen": listen, "production": production.address,
                         "replicas": [replica.address for replica in replicas]}], **tables)
        return daemon, lambda: Endpoint(listen.connect(seconds(5)))
    return begin


def quotas_hold(daemon):
    buffer = check_now(daemon)["buffer"]
    assert buffer["memory_used"] <= buffer["memory_quota"], buffer
    assert buffer["spill_used"] <= buffer["spill_quota"], buffer
    return True


def all_returned(daemon):
    buffer = daemon.status()["buffer"]
    return buffer["chunks_used"] == 0 and buffer["spill_used"] == 0


def flood(session, daemon):
    """FLOOD bytes as fast as they go; the sha256 of them."""
    return session.exchange_stream(FLOOD, pause=lambda: quotas_hold(daemon))


def flood_in_steps(session, daemon):
    """FLOOD bytes as fast as the disk follows: each MiB finds the memory free again."""
    def followed():
        buffer = daemon.status()["buffer"]
        return buffer["spill_problem"] or buffer["chunks_used"] < 128

    def pause():
        quotas_hold(daemon)
        eventually(followed, 10, "what is over the session's quota is on disk")
    return session.exchange_stream(FLOOD, pause=pause)


def test_overflow_detaches_a_stopped_replica(run, replica):
    daemon, session = run([replica], buffer=ROOMY, replica={"on_overflow": "detach"})
    client = session()
    flood_in_steps(client, daemon)
    eventually(lambda: not daemon.replica()["attached"], 5, "the replica is detached")
    status = check_totals(daemon, FLOOD, FLOOD)
    assert status["state"] == "overflowed" and status["reason"]
    entry = entry_of(daemon)
    check_entry(entry)
    assert entry["lost"] > 0
    eventually(lambda: all_returned(daemon), 5, "what was kept for it has been given back")
    entry = entry_of(daemon)
    assert entry["pending"] == 0 and entry["first_lost"] == entry["delivered"], entry
    later = session()
    later.exchange_stream(MIB)
    later.end()
    client.end()
    assert daemon.port()["sessions_not_copied"] == 1
    assert daemon.replica()["sessions"] == 1


def test_overflow_continues_with_the_other_sessions(run, replica):
    daemon, session = run([replica], buffer=QUOTAS, replica={"on_overflow": "continue"})
    lost, kept = session(), session()
    first_half = kept.exchange_stream(32 * KIB)
    flood(lost, daemon)
    eventually(lambda: entry_of(daemon, 1)["lost"] > 0, 5, "the first session overflowed")
    status = daemon.status()
    assert status["state"] == "overflowed"
    assert status["replicas"][0]["attached"] and status["replicas"][0]["sessions_lost"] == 1
    replica.resume()
    eventually(lambda: entry_of(daemon, 2)["delivered"] == 32 * KIB, 10, "the second goes on")
    kept.end()
    ended = eventually(lambda: [s for s in replica.sessions() if s["sha256"] == first_half], 10,
                       "the replica has the second session whole")
    assert ended[0]["bytes"] == 32 * KIB
    later = session()
    digest = later.exchange_stream(8 * KIB)
    later.end()
    eventually(lambda: [s for s in replica.sessions() if s["sha256"] == digest], 10,
               "a later session is copied whole")
    lost.end()
    check_totals(daemon, FLOOD + 40 * KIB, FLOOD + 40 * KIB)


def test_replica_that_lags_within_the_spill_gets_every_byte(run, replica):
    daemon, session = run([replica], buffer={**ROOMY, "spill": "128MiB"})
    client = session()
    digest = flood_in_steps(client, daemon)
    status = daemon.status()
    assert status["buffer"]["spill_used"] > 0
    assert status["replicas"][0]["lost"] == 0
    replica.resume()
    eventually(lambda: daemon.replica()["delivered"] == FLOOD, 30, "the replica has caught up")
    client.end()
    assert replica.wait_for_sessions(1) == [{"bytes": FLOOD, "sha256": digest, "ended": "fin"}]
    assert check_totals(daemon, FLOOD, FLOOD)["state"] == "in-sync"
    eventually(lambda: all_returned(daemon), 5, "memory and spill have been given back")


def test_client_that_is_gone_is_still_delivered(run, replica):
    """The session ends long before the replica wakes up; it gets the bytes and the end."""
    daemon, session = run([replica], buffer={**ROOMY, "spill": "128MiB"})
    client = session()
    digest = flood_in_steps(client, daemon)
    client.end()
    eventually(lambda: daemon.port()["sessions_open"] == 0, 5, "the client's session has ended")
    replica.resume()
    assert replica.wait_for_sessions(1, within=30) == [
        {"bytes": FLOOD, "sha256": digest, "ended": "fin"}]
    check_totals(daemon, FLOOD, FLOOD)


def test_no_spill_is_an_overflow_at_the_quota_of_memory(run, replica):
    daemon, session = run([replica], buffer={**QUOTAS, "spill": "0"},
                          replica={"on_overflow": "continue"})
    client = session()
    flood(client, daemon)
    client.end()
    entry = entry_of(daemon)
    assert entry["lost"] > 0 and daemon.status()["buffer"]["spill_used"] == 0
    check_totals(daemon, FLOOD, FLOOD)


def test_full_disk_is_an_overflow(run, replica, folder, cleanup):
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk],
                             capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    cleanup.callback(subprocess.run, ["umount", "-l", disk], check=True)
    daemon, session = run([replica], buffer={**ROOMY, "spill": "64MiB", "directory": disk},
                          replica={"on_overflow": "continue"})
    client = session()
    flood_in_steps(client, daemon)
    status = check_totals(daemon, FLOOD, FLOOD)
    entry = entry_of(daemon)
    assert entry["lost"] > 0 and "No space left" in entry["lost_why"], entry
    assert status["state"] == "overflowed"
    client.end()


def test_only_the_slow_one_of_two_replicas_is_cut(run, replica, stub):
    good = stub("echo")
    daemon, session = run([good, replica], buffer=ROOMY)
    client = session()
    digest = flood_in_steps(client, daemon)
    eventually(lambda: not daemon.replica(1)["attached"], 5, "the stopped replica is detached")
    client.end()
    assert good.wait_for_sessions(1) == [{"bytes": FLOOD, "sha256": digest, "ended": "fin"}]
    status = check_totals(daemon, FLOOD, FLOOD)
    states = [item["state"] for item in status["replicas"]]
    assert states == ["in-sync", "overflowed"] and status["replicas"][0]["lost"] == 0
