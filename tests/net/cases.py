"""Sessions as scripts: what the client does, and what the server does.

A case is played directly and through the daemon, and both ends must see the same. A script may
only do what has one outcome on a direct connection: to end with unread data, or to reset while
data is on its way, would make the direct run itself a race.
"""

import dataclasses
import threading
from typing import Callable

from limits import MIB, SCALE, bulk
from scripted_server import echo
from transcript import payload

BULK = bulk(64 * MIB)
ENDLESS = 256 * MIB  # more than any buffers between two ends take
BLOCKED_BOUND = 40 * MIB  # of ENDLESS, with an idle reader: kernel buffers of two connections
QUIET = 0.4 * SCALE


@dataclasses.dataclass
class Case:
    name: str
    client: Callable
    server: Callable
    copied: bool = True  # the replica gets all of it: the session has bytes and ends in order
    replica: Callable = None  # the script of the replica, where it is not production's


class Stage:
    """What the two scripts of one run share. A gate is opened by one end to let the other go on;
    the replica plays the server's script and passes the same gates."""

    def __init__(self):
        self.gate = threading.Event()
        self.accepted = None

    def wait(self):
        if not self.gate.wait(30 * SCALE):
            raise AssertionError("the other end did not open the gate")


CASES = []


def case(server, copied=True, replica=None):
    def add(client):
        CASES.append(Case(client.__name__, client, server, copied, replica or server))
        return client
    return add


@case(lambda end, stage: echo(end))
def echoes(end, _):
    for size in (1, 100, 5000, 100000):
        end.send(payload(size))
        end.read(size)
    end.fin()
    end.read_to_end()


def _greets(end, _):
    end.send(payload(78))
    end.read_to_end()


@case(_greets)
def server_speaks_first(end, _):
    end.read(78)
    end.send(b"hello")
    end.fin()
    end.read_to_end()


def _answers_after_end(end, _):
    end.read_to_end()
    end.send(payload(200000))


@case(_answers_after_end)
def client_half_closes_then_reads_the_answer(end, _):
    end.send(payload(10000))
    end.fin()
    end.read_to_end()


def _half_closes_first(end, _):
    end.send(payload(100000))
    end.fin()
    end.read_to_end()


@case(_half_closes_first)
def server_half_closes_and_goes_on_reading(end, _):
    end.read_to_end()
    end.send(payload(100000))
    end.fin()


def _answers_a_request(end, _):
    end.read(4096)
    end.send(payload(5000))
    end.read_to_end()


@case(_answers_a_request)
def early_data(end, _):
    end.send(payload(4096))
    end.read(5000)
    end.fin()
    end.read_to_end()


@case(_answers_after_end)
def early_data_and_end_at_once(end, _):
    end.send(payload(3000))
    end.fin()
    end.read_to_end()


@case(_answers_after_end)
def early_end_without_data(end, _):
    end.fin()
    end.read_to_end()


@case(lambda end, stage: end.read_to_end(), copied=False)
def nothing_sent_and_closed(end, _):
    end.close()


@case(lambda end, stage: end.close(), copied=False)
def server_closes_at_once(end, _):
    end.read_to_end()


@case(lambda end, stage: end.read_to_end())
def big_upload(end, _):
    end.send_stream(BULK)
    end.fin()
    end.read_to_end()


def _downloads(end, _):
    end.read(10)
    end.send_stream(BULK)
    end.fin()
    end.read_to_end()


@case(_downloads)
def big_download(end, _):
    end.send(payload(10))
    end.read_to_end()
    end.fin()


def _sends_while_reading(end):
    sender = threading.Thread(target=lambda: (end.send_stream(BULK), end.fin()))
    sender.start()
    end.read_to_end()
    sender.join()


@case(lambda end, stage: _sends_while_reading(end))
def big_both_ways_at_once(end, _):
    _sends_while_reading(end)


def _sleeps_then_reads(end, stage):
    stage.wait()
    end.read_to_end()


def _fills_the_way(end, stage):
    stage.accepted = end.send_until_blocked(ENDLESS, QUIET)
    end.note("blocked", stage.accepted < BLOCKED_BOUND)
    stage.gate.set()
    end.send_rest(BLOCKED_BOUND, stage.accepted)
    end.fin()


@case(_sleeps_then_reads)
def slow_server_holds_the_client_up(end, stage):
    _fills_the_way(end, stage)
    end.read_to_end()


def _fills_then_reads(end, stage):
    end.read(1)
    _fills_the_way(end, stage)
    end.read_to_end()


@case(_fills_then_reads, replica=lambda end, stage: end.read_to_end())
def slow_client_holds_the_server_up(end, stage):
    end.send(b"x")
    stage.wait()
    end.read_to_end()
    end.fin()


@case(lambda end, stage: echo(end), copied=False)
def client_resets(end, _):
    end.send(payload(1000))
    end.read(1000)
    end.reset()


def _resets(end, _):
    end.read(1000)
    end.send(payload(500))
    end.read(1)
    end.reset()


@case(_resets, copied=False)
def server_resets(end, _):
    end.send(payload(1000))
    end.read(500)
    end.send(b"x")
    end.read_to_end()


def _answers_until_reset(end, _):
    end.read_to_end()
    end.send(payload(700))
    end.read_to_end()


@case(_answers_until_reset, copied=False)
def client_resets_after_half_close(end, _):
    end.send(payload(1000))
    end.fin()
    end.read(700)
    end.reset()


def _sends_without_end(end, _):
    end.read_to_end()
    end.send_stream(ENDLESS)


@case(_sends_without_end, copied=False, replica=lambda end, stage: end.read_to_end())
def client_leaves_a_server_that_goes_on_sending(end, _):
    end.send(payload(1000))
    end.close()


def _leaves(end, _):
    end.read(1000)


@case(_leaves, copied=False)
def server_leaves_a_client_that_goes_on_sending(end, stage):
    end.send(payload(1000))
    end.read_to_end()
    end.send_stream(ENDLESS)


@case(lambda end, stage: echo(end))
def one_byte_at_a_time(end, _):
    for byte in payload(300):
        end.send(bytes([byte]))
        end.read(1)
    end.fin()
    end.read_to_end()
