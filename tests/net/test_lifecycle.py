"""From the start in the foreground to the end, as an operator or a supervisor drives it."""

import shutil
import signal
import time

import pytest

from address import any_address, bound_address, free_address
from limits import eventually, remains, seconds
from parikshan import PARIKSHAND, Daemon, policy_text
from transcript import Endpoint, payload

NOBODY = 65534


@pytest.fixture
def production(stub):
    return stub("echo")


def keys(listen, production):
    return {"listen": listen, "production": production.address}


def serves(listen):
    client = Endpoint(listen.connect(seconds(5)))
    client.exchange_stream(1000)
    client.end()
    return True


def left_behind(daemon):
    return list(daemon.runtime_directory.rglob("*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_daemon_stops_within_a_second(number, start, production):
    listen = free_address()
    daemon = start([keys(listen, production)], instance={"drain_timeout": "10s"})
    assert serves(listen)
    begin = time.monotonic()
    daemon.signal(number)
    assert daemon.wait() == 0
    assert time.monotonic() - begin < seconds(1)
    assert not listen.is_listening()
    assert left_behind(daemon) == []


def test_open_sessions_drain_then_close(start, production):
    listen = free_address()
    daemon = start([keys(listen, production)], instance={"drain_timeout": "2s"})
    client = Endpoint(listen.connect(seconds(5)))
    client.exchange_stream(1000)
    begin = time.monotonic()
    daemon.signal(signal.SIGTERM)
    eventually(lambda: not listen.is_listening(), 1, "no new sessions")
    client.exchange_stream(1000)
    assert daemon.status()["draining"]
    assert client.read(1) == b"", "closed at last"
    assert daemon.wait() == 0
    assert 1.8 < time.monotonic() - begin < 2 + seconds(1)


def test_last_session_ends_the_drain(start, production):
    listen = free_address()
    daemon = start([keys(listen, production)], instance={"drain_timeout": "30s"})
    client = Endpoint(listen.connect(seconds(5)))
    client.exchange_stream(1000)
    daemon.signal(signal.SIGTERM)
    eventually(lambda: not listen.is_listening(), 1, "no new sessions")
    client.end()
    assert daemon.wait(within=1) == 0


def test_second_signal_ends_the_drain(start, production):
    listen = free_address()
    daemon = start([keys(listen, production)], instance={"drain_timeout": "30s"})
    client = Endpoint(listen.connect(seconds(5)))
    client.exchange_stream(1000)
    daemon.signal(signal.SIGTERM)
    eventually(lambda: not listen.is_listening(), 1, "no new sessions")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(within=1) == 0
    client.close()


def test_replica_that_wakes_up_while_the_daemon_stops(start, stub, production, cleanup):
    """In synchronous mode each read of the replica lets a production thread go on: here one that
    is ending, or has ended."""
    replica, listen = stub("echo"), free_address()
    daemon = start([{**keys(listen, production), "mode": "synchronous",
                     "replicas": [replica.address]}], instance={"drain_timeout": "100ms"})
    replica.stop()
    for _ in range(40):
        client = Endpoint(listen.connect(seconds(5)))
        cleanup.callback(client.close)
        client.sock.setblocking(False)
        client.sock.send(payload(200000))
    eventually(lambda: daemon.replica()["due"] >= 40 * 60000, 5, "all sessions are under way")
    daemon.signal(signal.SIGTERM)
    daemon.wait_for("open sessions drain", within=5)
    # The daemon may be gone by then as well, when the replica's socket had taken everything.
    eventually(lambda: not daemon.running() or not any(
        name.startswith("worker-") for name in daemon.threads().values()), 5,
               "the production threads have ended")
    replica.resume()
    assert daemon.wait() == 0, daemon.output()


@pytest.mark.parametrize("how", ["signal", "command"])
def test_reload_adds_and_removes_ports(how, start, production):
    first, second = free_address(), free_address()
    daemon = start([keys(first, production)])

    def reload(*ports):
        daemon.write_policy([keys(port, production) for port in ports],
                            instance={"drain_timeout": "300ms"})
        if how == "signal":
            daemon.reload()
        else:
            assert daemon.command("reload", daemon.name).returncode == 0
    client = Endpoint(first.connect(seconds(5)))
    client.exchange_stream(1000)
    reload(first, second)
    eventually(second.is_listening, 5, "the new port listens")
    assert serves(second) and serves(first)
    client.exchange_stream(1000)
    reload(second)
    eventually(lambda: not first.is_listening(), 5, "the old port is gone")
    assert serves(second)
    client.exchange_stream(1000)
    client.end()


@pytest.mark.parametrize("how", ["signal", "command"])
def test_reload_refuses_a_wrong_policy_whole(how, start, production):
    first, second = free_address(), free_address()
    daemon = start([keys(first, production)])
    daemon.policy_file.write_text(policy_text([keys(second, production)],
                                              buffer={"session": "many"}, instance={"wokers": 2}))
    if how == "signal":
        daemon.reload()
        daemon.wait_for("wokers", within=5)
    else:
        result = daemon.command("reload", daemon.name)
        assert result.returncode not in (0, 2, 3) and "wokers" in result.stderr
    remains(lambda: not second.is_listening(), 0.3, "nothing of the wrong policy is taken")
    assert serves(first)
    assert [port["listen"] for port in daemon.status()["ports"]] == [first.text]


def test_reload_of_a_port_in_use_changes_nothing(start, production):
    first = free_address()
    daemon = start([keys(first, production)])
    with any_address("tcp4", None, None).listen() as taken:
        daemon.write_policy([keys(first, production), keys(bound_address(taken), production)])
        result = daemon.command("reload", daemon.name)
        assert result.returncode == 1 and "in use" in result.stderr
    assert serves(first)
    assert len(daemon.status()["ports"]) == 1


def test_bad_policy_ends_with_78_and_nothing_listens(start, production):
    good, bad = free_address(), free_address()
    daemon = start([keys(good, production), {**keys(bad, production), "mode": "sideways"}],
                   buffer={"memory": "lots"}, ready=False)
    remains(lambda: not good.is_listening(), 0.1, "nothing is started")
    assert daemon.wait() == 78
    said = daemon.output()
    assert "sideways" in said and "lots" in said, "all errors at once"
    assert f"{daemon.policy_file}:" in said and "^" in said
    assert left_behind(daemon) == []


def test_port_in_use_is_a_clear_error(start, production):
    free = free_address()
    with any_address("tcp4", None, None).listen() as taken:
        daemon = start([keys(free, production), keys(bound_address(taken), production)],
                       ready=False)
        assert daemon.wait() not in (0, 78)
        assert bound_address(taken).text in daemon.output()
        assert "Address already in use" in daemon.output()
    assert left_behind(daemon) == []


def test_second_instance_of_a_name_is_refused(start, production):
    first = free_address()
    daemon = start([keys(first, production)])
    second = start([keys(free_address(), production)], ready=False)
    assert second.wait() not in (0, 78)
    assert serves(first)
    assert daemon.status()["pid"] == daemon.pid


def test_needs_no_root(folder, production, cleanup):
    folder.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    shutil.chown(home, NOBODY, NOBODY)
    listen = free_address()
    program = shutil.copy(PARIKSHAND, home)
    daemon = cleanup.enter_context(
        Daemon(home, [keys(listen, production)], executable=program,
               prefix=["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]))
    with open(f"/proc/{daemon.pid}/status", encoding="ascii") as file:
        assert f"Uid:\t{NOBODY}\t{NOBODY}" in file.read()
    assert serves(listen)
    assert daemon.status()["name"] == "net"
    daemon.finish()
    assert left_behind(daemon) == []


def test_unix_socket_of_a_past_life_is_replaced_and_removed_at_the_end(start, folder, production):
    listen = free_address("unix", folder)
    listen.bind().close()
    assert (folder / "listen").exists()
    daemon = start([keys(listen, production)])
    assert serves(listen)
    daemon.finish()
    assert not (folder / "listen").exists()


def test_unix_socket_of_somebody_alive_is_left_alone(start, folder, production):
    listen = free_address("unix", folder)
    with listen.listen():
        daemon = start([keys(listen, production)], ready=False)
        assert daemon.wait() not in (0, 78)
        assert listen.is_listening()


def test_a_file_in_the_place_of_a_unix_socket_is_left_alone(start, folder, production):
    (folder / "listen").write_text("precious")
    daemon = start([keys(free_address("unix", folder), production)], ready=False)
    assert daemon.wait() not in (0, 78)
    assert (folder / "listen").read_text() == "precious"


def test_starts_again_after_a_kill(start, folder, production):
    listen = free_address("unix", folder)
    start([keys(listen, production)]).kill()
    daemon = start([keys(listen, production)])
    assert serves(listen)
    daemon.finish()
    assert left_behind(daemon) == []
