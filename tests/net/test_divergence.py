"""Both outputs of a session are compared byte by byte, and what differs is named exactly."""

import json
import threading

import pytest

from address import free_address
from ledger import check_now, entry_of
from limits import KIB, MIB, eventually, seconds
from transcript import Endpoint, payload

ANSWER = payload(100001)


def answers(*replies, piece=None):
    """A script: to each request of 8 bytes the next reply, in pieces where asked for."""
    def script(end):
        for reply in replies:
            end.read(8)
            step = piece or max(1, len(reply))
            for offset in range(0, len(reply), step):
                end.send(reply[offset:offset + step])
        end.read_to_end()
    return script


def flipped(data, offset):
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1:]


@pytest.fixture
def run(server, start):
    """run(production, replica, ...): a daemon between two scripts, and a function that plays a
    client's session against it: it checks that production's replies come unharmed."""
    def begin(production, replica, /, **tables):
        listen = free_address()
        daemon = start([{"listen": listen, "production": server(production).address,
                         "replicas": [server(replica, name="replica").address]}], **tables)

        def session(*replies, request=b"request\n"):
            client = Endpoint(listen.connect(seconds(5)))
            for reply in replies:
                assert client.send(request)
                assert client.read(len(reply)) == reply, "production's answer was changed"
            client.end()
        return daemon, session
    return begin


def compared(daemon, sessions=1):
    """Waits until the last byte of `sessions` sessions has been judged."""
    def done():
        replica = daemon.replica()
        return (replica["sessions"] == sessions and replica["sessions_open"] == 0
                and replica["awaited"] == 0)
    eventually(done, 10, "all answers judged")
    return check_now(daemon)


def test_identical_replica_is_in_sync(run):
    daemon, session = run(answers(ANSWER, b"", ANSWER), answers(ANSWER, b"", ANSWER))
    session(ANSWER, b"", ANSWER)
    status = compared(daemon)
    assert status["state"] == "in-sync"
    entry = entry_of(daemon)
    assert entry["compared"] == entry["produced"] == entry["answered"] == 2 * len(ANSWER)
    assert not entry["has_first_divergent"] and entry["uncompared"] == 0
    assert daemon.ask("diff")["differences"] == []


def test_cut_differently_is_not_different(run):
    daemon, session = run(answers(ANSWER[:3000]), answers(ANSWER[:3000], piece=1))
    session(ANSWER[:3000])
    assert compared(daemon)["state"] == "in-sync"
    assert entry_of(daemon)["compared"] == 3000


@pytest.mark.parametrize("offset", [0, 1, 4095, 4096, 65535, 65536, 99999, 100000])
def test_first_differing_byte_is_exact(run, offset):
    daemon, session = run(answers(ANSWER), answers(flipped(ANSWER, offset)))
    session(ANSWER)
    status = compared(daemon)
    assert status["state"] == "diverged" and status["reason"]
    assert status["replicas"][0]["sessions_diverged"] == 1
    entry = entry_of(daemon)
    assert entry["has_first_divergent"] and entry["first_divergent"] == offset
    assert entry["divergent_why"]


def test_difference_of_a_replica_that_is_late(run):
    """Of answers that are not kept for so long there are hashes: the block is found, at least."""
    late, long = threading.Event(), payload(4 * MIB)

    def after_all(end):
        end.read(8)
        late.wait(seconds(20))
        end.send(flipped(long, 3000000))
        end.read_to_end()
    daemon, session = run(answers(long), after_all)
    client = threading.Thread(target=lambda: session(long))
    client.start()
    eventually(lambda: daemon.port()["production_to_client"] == len(long), 10, "all answered")
    late.set()
    client.join(seconds(10))
    assert compared(daemon)["state"] == "diverged"
    assert 3000000 - 128 * KIB < entry_of(daemon)["first_divergent"] <= 3000000


@pytest.mark.parametrize("length", [0, 1, 5000, 100000])
def test_replica_that_says_less(run, length):
    daemon, session = run(answers(ANSWER), answers(ANSWER[:length]))
    session(ANSWER)
    assert compared(daemon)["state"] == "diverged"
    entry = entry_of(daemon)
    assert entry["first_divergent"] == length
    assert entry["answered"] == length


def test_replica_that_says_more(run):
    daemon, session = run(answers(ANSWER[:5000]), answers(ANSWER[:5010]))
    session(ANSWER[:5000])
    assert compared(daemon)["state"] == "diverged"
    entry = entry_of(daemon)
    assert entry["first_divergent"] == 5000
    assert entry["answered"] == 5010


def page(date, body):
    return f"HTTP/1.1 200 OK\r\nDate: {date}\r\nServer: x\r\n\r\n{body}\r\n".encode()


MASKED = {"divergence": {"mask": ["^Date: .*$"]}}


def test_masked_lines_are_equal_even_when_their_lengths_differ(run):
    dates = [("Mon, 01 Jan 2024 00:00:01 GMT", "Tue, 02 Jan 2024 00:00:02 GMT"),
             ("now", "some other time, written at length"), ("a long while ago", "")]
    daemon, session = run(answers(*(page(date, "same") for date, _ in dates)),
                          answers(*(page(date, "same") for _, date in dates)), **MASKED)
    session(*(page(date, "same") for date, _ in dates))
    status = compared(daemon)
    assert status["state"] == "in-sync", status["reason"]
    entry = entry_of(daemon)
    assert entry["compared"] == entry["produced"] > 0 and entry["uncompared"] == 0


def test_without_a_mask_dates_differ(run):
    daemon, session = run(answers(page("now", "same")), answers(page("noon", "same")))
    session(page("now", "same"))
    assert compared(daemon)["state"] == "diverged"
    assert entry_of(daemon)["first_divergent"] == page("now", "same").index(b"now") + 2


def test_mask_hides_nothing_else(run):
    ours, theirs = page("now", "a body"), page("at another time", "a bOdy")
    daemon, session = run(answers(ours), answers(theirs), **MASKED)
    session(ours)
    assert compared(daemon)["state"] == "diverged"
    assert entry_of(daemon)["first_divergent"] == ours.index(b"ody")
    difference = daemon.ask("diff")["differences"][0]
    assert difference["production_offset"] == ours.index(b"ody")
    assert difference["replica_offset"] == theirs.index(b"Ody")


def test_tolerated_share_of_sessions(run):
    """One of eight is within a quarter, and then four of eleven are not."""
    def script(bad):
        def play(end):
            request = end.read(8)
            end.send(bad if request == b"differ.\n" else b"good")
            end.read_to_end()
        return play
    daemon, session = run(script(b"evil"), script(b"bad!"), divergence={"tolerate": 0.25})
    for _ in range(7):
        session(b"good")
    session(b"evil", request=b"differ.\n")
    status = compared(daemon, sessions=8)
    assert status["state"] == "in-sync"
    assert status["replicas"][0]["sessions_diverged"] == 1
    for _ in range(3):
        session(b"evil", request=b"differ.\n")
    status = compared(daemon, sessions=11)
    assert status["state"] == "diverged"
    assert status["replicas"][0]["sessions_diverged"] == 4


def test_diff_shows_both_sides(run):
    ours, theirs = b"the price is 42 coins\n" * 20, b"the price is 43 coins\n" * 20
    daemon, session = run(answers(ours), answers(theirs))
    session(ours)
    compared(daemon)
    difference = json.loads(daemon.command("--json", "diff", daemon.name).stdout)["differences"][0]
    offset = ours.index(b"2")
    assert difference["production_offset"] == difference["replica_offset"] == offset
    context = difference["context_before"]
    for side, text in (("production", ours), ("replica_bytes", theirs)):
        shown = bytes.fromhex(difference[side])
        assert shown and shown in text
        assert shown[context:context + 5] == text[offset:offset + 5]
    for_people = daemon.command("diff", daemon.name).stdout
    assert "price is 42" in for_people and "price is 43" in for_people
    assert "34 32" in for_people and "34 33" in for_people, "hexadecimal digits of both"


def test_divergence_can_detach(run):
    daemon, session = run(answers(ANSWER), answers(flipped(ANSWER, 7)),
                          replica={"on_divergence": "detach"})
    session(ANSWER)
    eventually(lambda: not daemon.replica()["attached"], 5, "the replica is detached")
    session(ANSWER)
    status = check_now(daemon)
    assert status["state"] == "diverged"
    assert status["ports"][0]["sessions_not_copied"] == 1
    assert entry_of(daemon)["first_divergent"] == 7


def test_divergence_is_seen_while_the_session_goes_on(run):
    gate = threading.Event()

    def holds(reply):
        def script(end):
            end.read(8)
            end.send(reply)
            gate.wait(seconds(20))
            end.read_to_end()
        return script
    daemon, session = run(holds(b"same.one"), holds(b"same!one"))
    client = threading.Thread(target=lambda: session(b"same.one"))
    client.start()
    try:
        eventually(lambda: daemon.status()["state"] == "diverged", 5, "seen in the open session")
        assert entry_of(daemon)["open"]
        assert entry_of(daemon)["first_divergent"] == 4
    finally:
        gate.set()
        client.join(seconds(10))


def test_a_transfer_that_the_client_breaks_off_is_no_divergence(server, start):
    """Production's output then stops wherever the slow client had got to; the replica's, which
    nobody slows down, is further along, and was not wrong."""
    def download(end):
        end.read(8)
        end.send_stream(64 * MIB)
    listen = free_address()
    daemon = start([{"listen": listen, "production": server(download).address,
                     "replicas": [server(download, name="replica").address]}])
    client = Endpoint(listen.connect(seconds(5)))
    assert client.send(b"request\n")
    assert len(client.read(256 * KIB)) == 256 * KIB
    eventually(lambda: daemon.replica()["answered"] > 256 * KIB, 10, "the replica is ahead")
    client.reset()
    eventually(lambda: daemon.replica()["sessions_open"] == 0, 10, "the session has ended")
    assert daemon.status()["state"] == "in-sync", daemon.status()["reason"]


def test_a_replica_that_is_attached_anew_begins_anew(server, start):
    production, other = answers(b"right"), answers(b"wrong")
    listen, replica = free_address(), server(other, name="replica")
    daemon = start([{"listen": listen, "production": server(production).address,
                     "replicas": [replica.address]}], replica={"on_divergence": "detach"})

    def session():
        client = Endpoint(listen.connect(seconds(5)))
        assert client.send(b"request\n") and client.read(5) == b"right"
        client.end()
    session()
    eventually(lambda: not daemon.replica()["attached"], 10, "the replica is detached")
    assert daemon.status()["state"] == "diverged"
    replica.script = production
    daemon.reload()
    eventually(lambda: daemon.replica()["attached"], 10, "the reload attached it again")
    assert len(daemon.status()["replicas"]) == 1
    session()
    eventually(lambda: daemon.replica()["compared"] == 5, 10, "the answer was compared")
    assert daemon.status()["state"] == "in-sync"
