"""Whatever is said to the control socket: no client is harmed, and it answers afterwards.

Each test has a load of checking clients in the background, which has to end well.
"""

import random
import shutil
import socket
import subprocess

import pytest

from address import free_address
from limits import KIB, MIB, eventually, seconds
from load import EchoLoad
from varlink import Connection, request

STATUS = "io.parikshan.Status"
OUTSIDER = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]


@pytest.fixture
def daemon(start, stub):
    """A daemon under a load; after the test its clients must have noticed nothing, and the
    control socket must answer promptly."""
    listen = free_address()
    instance = start([{"listen": listen, "production": stub("echo").address,
                       "replicas": [stub("echo").address]}], replica={"on_overflow": "continue"})
    load = EchoLoad(listen, clients=2, sessions=2, messages=150).start()
    yield instance
    load.finish()
    with Connection(instance.control_socket) as control:
        status = control.call(STATUS)["parameters"]
    assert status["name"] == "net"
    eventually(lambda: instance.port()["client_to_production"] == load.sent, 5, "all counted")


@pytest.fixture
def control(daemon, cleanup):
    return lambda: cleanup.enter_context(Connection(daemon.control_socket))


def closed(connection):
    """Reads until the daemon has closed; a reset is a close as well."""
    try:
        while connection.sock.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


def send_all(connection, data):
    """Sends what the daemon takes; it may close before the end."""
    try:
        connection.sock.sendall(data)
    except ConnectionError:
        pass


def test_calls_are_answered_in_order(control):
    connection = control()
    names = ["io.parikshan.Ledger", STATUS, "io.parikshan.Window", "io.parikshan.Nothing",
             "org.varlink.service.GetInfo"]
    connection.sock.sendall(b"".join(request(name) for name in names))
    replies = [connection.receive() for _ in names]
    assert "entries" in replies[0]["parameters"]
    assert replies[1]["parameters"]["ports"]
    assert "windows" in replies[2]["parameters"]
    assert replies[3]["error"] == "org.varlink.service.MethodNotFound"
    assert "io.parikshan" in replies[4]["parameters"]["interfaces"]


@pytest.mark.parametrize("message", [
    b"\0", b"\0" * 1000, b"{\0", b"nonsense\0", b"[]\0", b"{}\0", b'{"method": 7}\0',
    b"\xff\xfe\xfd\0", b'{"method": "io.parikshan.Status", "parameters": []}\0',
    b'{"method": "' + b"x" * 200 * KIB + b'"}\0', b'{"a":' * 20000 + b"1" + b"}" * 20000 + b"\0",
    b'{"method": "io.parikshan.Ledger", "parameters": {"limit": -1}}\0',
    b'{"method": "io.parikshan.Ledger", "parameters": {"limit": 1e300}}\0',
    b'{"method": "io.parikshan.Detach", "parameters": {"replica": "\\u0000"}}\0',
], ids=range(14))
def test_bad_messages(control, message):
    connection = control()
    send_all(connection, message)
    connection.sock.shutdown(socket.SHUT_WR)
    assert closed(connection)
    assert control().call(STATUS)["parameters"]["name"] == "net"


def test_random_bytes(control):
    chance = random.Random(11)
    for _ in range(50):
        connection = control()
        send_all(connection, chance.randbytes(chance.randrange(1, 5000)) + b"\0")
        connection.close()


def test_huge_message_is_cut(control):
    connection = control()
    send_all(connection, b"x" * 4 * MIB)
    assert closed(connection)


def test_slow_message_is_answered(control):
    connection = control()
    for byte in request(STATUS):
        connection.sock.sendall(bytes([byte]))
    assert connection.receive()["parameters"]["name"] == "net"


def test_half_messages_hold_nothing_up(control):
    halves = [control() for _ in range(20)]
    for half in halves:
        half.sock.sendall(request(STATUS)[:20])
    assert control().call(STATUS)["parameters"]["name"] == "net"
    for half in halves:
        half.close()


def test_reader_that_never_reads_is_held_up_or_cut(daemon, control):
    connection = control()
    connection.sock.settimeout(seconds(1))
    batch = request(STATUS) * 500
    with pytest.raises(OSError):
        for _ in range(1000):
            connection.sock.sendall(batch)
    # The answers to all of it would take a GiB; the load's own stream logs are in this as well.
    assert daemon.resident() < 256 * MIB, "its answers are piled up"
    assert control().call(STATUS)["parameters"]["name"] == "net"


def test_too_many_connections(daemon):
    crowd = []
    try:
        for _ in range(300):
            crowd.append(Connection(daemon.control_socket))
        answers = 0
        for connection in crowd:
            connection.sock.settimeout(seconds(2))
            try:
                connection.send(STATUS)
                reply = connection.receive()
            except OSError:
                reply = None
            answers += bool(reply and "parameters" in reply and "ports" in reply["parameters"])
        assert 10 <= answers < 300, "some are served, not all"
    finally:
        for connection in crowd:
            connection.close()
    eventually(lambda: daemon.command("status", daemon.name).returncode == 0, 5,
               "a connection is free again")


def test_outsiders_are_refused(daemon, folder):
    """By the folder's or the socket's mode, and, where those let them through, by who they are."""
    script = folder / "outsider.py"
    script.write_text("import socket, sys\n"
                      "s = socket.socket(socket.AF_UNIX)\n"
                      "try:\n s.connect(sys.argv[1])\n"
                      "except PermissionError:\n print('no entry'); sys.exit()\n"
                      "s.settimeout(10)\n"
                      "try:\n s.sendall(b'{\"method\": \"io.parikshan.Status\"}\\0')\n"
                      "except ConnectionError:\n pass\n"
                      "try:\n print(s.recv(65536))\n"
                      "except ConnectionError:\n print('closed')\n")

    def try_it():
        return subprocess.run([*OUTSIDER, "/usr/bin/python3", script, daemon.control_socket],
                              capture_output=True, text=True, timeout=seconds(20), check=True)
    first = try_it().stdout
    assert "no entry" in first or "PermissionDenied" in first, first
    daemon.control_socket.chmod(0o666)
    daemon.control_socket.parent.chmod(0o755)
    second = try_it().stdout
    # The daemon does not wait for a request before it refuses: the close can overtake the reply.
    assert "PermissionDenied" in second or "closed" in second, second
    assert "ports" not in second


def test_command_says_so_to_an_outsider(daemon, folder):
    """The command is copied to where anybody can run it."""
    command = shutil.copy(daemon.executable.with_name("parikshanctl"), folder)
    result = subprocess.run([*OUTSIDER, command, "--runtime-directory", daemon.runtime_directory,
                             "status", daemon.name], capture_output=True, text=True,
                            timeout=seconds(20), check=False)
    assert result.returncode == 4, result
    assert "ermission" in result.stderr


def test_detach_and_attach(daemon):
    replica = daemon.replica()["address"]
    assert daemon.command("detach", daemon.name, replica).returncode == 0
    assert not daemon.replica()["attached"]
    assert daemon.command("attach-replica", daemon.name, replica).returncode == 0
    assert daemon.replica(-1)["attached"]
    wrong = daemon.command("detach", daemon.name, "127.0.0.1:1")
    assert wrong.returncode == 1 and wrong.stderr
