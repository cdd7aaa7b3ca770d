"""Redis, MariaDB and nginx behind the daemon, each with a second one as its replica."""

import http.client
import time

import pytest

from address import free_address
from ledger import check_now
from limits import SLOW, eventually, seconds
from parikshan import Daemon
from services import MariaDb, Nginx, Redis, run

REQUESTS = 2000 if SLOW else 20000


def settled(daemon):
    """Waits until the replica has answered all there was to answer."""
    def done():
        replica = daemon.replica()
        return replica["due"] == replica["delivered"] and replica["awaited"] == 0 \
            and replica["sessions_open"] == 0
    eventually(done, 20, "the replica has caught up")
    return check_now(daemon)


def keys(listen, production, replica):
    return [{"listen": listen, "production": production.address, "replicas": [replica.address]}]


@pytest.fixture
def redis(folder, cleanup, start):
    production, replica = (cleanup.enter_context(Redis(folder / name))
                           for name in ("production", "replica"))
    listen = free_address()
    return production, replica, listen, start(keys(listen, production, replica))


def test_redis_benchmark(redis):
    """The phases are awaited: between two sessions the replica may see another order, and a GET
    must not overtake the SET of a session before it."""
    production, replica, listen, daemon = redis
    for test in ("set", "get"):
        for pipeline in (1, 16):
            run("redis-benchmark", "-h", listen.host, "-p", listen.port, "-t", test, "-q",
                "-n", REQUESTS, "-c", 20, "-r", 1000, "-P", pipeline)
            status = settled(daemon)
    assert status["state"] == "in-sync", status["reason"]
    counted = status["replicas"][0]
    assert counted["compared"] == counted["produced"] > REQUESTS
    assert counted["lost"] == 0 and counted["uncompared"] == 0
    assert production.digest() == replica.digest() != "0" * 40


def test_redis_transaction(redis):
    production, replica, listen, daemon = redis
    answers = production.session(
        listen, "SELECT 3", "MULTI", "SET k v", "INCR n", "RPUSH l a b c", "EXEC", "LRANGE l 0 -1",
        "MULTI", "INCR n", "DISCARD", "GET n", "EVAL \"return redis.call('GET', 'k')\" 0",
        "GET nothing", "INCR k")
    assert answers == ["OK", "OK", "QUEUED", "QUEUED", "QUEUED", ["OK", 1, 3], ["a", "b", "c"],
                       "OK", "QUEUED", "OK", "1", "v", None,
                       "ERR value is not an integer or out of range"]
    status = settled(daemon)
    assert status["state"] == "in-sync", status["reason"]
    assert status["replicas"][0]["compared"] == status["replicas"][0]["produced"] > 0
    assert production.digest() == replica.digest() != "0" * 40


def test_mariadb_speaks_first(folder, cleanup, start):
    """Its greeting holds a number and random bytes, so the replica diverges by itself, at once
    and truly; it gets every byte all the same, and ends with the same rows."""
    MariaDb.install(folder / "template")
    production = cleanup.enter_context(MariaDb(folder / "production", folder / "template"))
    replica = cleanup.enter_context(MariaDb(folder / "replica", folder / "template"))
    listen = free_address()
    daemon = start(keys(listen, production, replica))
    statements = ["CREATE DATABASE shop; USE shop;",
                  "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(100), n INT);"]
    statements += [f"INSERT INTO t (v, n) VALUES ('row {number}', {number});"
                   for number in range(300)]
    statements += ["UPDATE t SET n = n + 1 WHERE id % 3 = 0;", "SELECT COUNT(*), SUM(n) FROM t;"]
    answer = MariaDb.query(listen, "\n".join(statements))
    assert answer.split() == ["300", "44950"]
    status = settled(daemon)
    assert status["state"] == "diverged", "a greeting with random bytes is not the same"
    assert status["replicas"][0]["lost"] == 0
    checks = "SELECT COUNT(*), SUM(n) FROM shop.t; CHECKSUM TABLE shop.t; CHECK TABLE shop.t;"
    ours, theirs = (MariaDb.query(server.address, checks) for server in (production, replica))
    assert ours == theirs
    assert ours.split()[:2] == ["300", "44950"]


def test_mariadb_refusal_passes_through(folder, cleanup, start):
    production = cleanup.enter_context(MariaDb(folder / "production"))
    replica = cleanup.enter_context(Redis(folder / "no-database"))
    listen = free_address()
    start(keys(listen, production, replica))
    for address in (production.address, listen):
        with pytest.raises(AssertionError, match="ERROR 1045.*Access denied"):
            MariaDb.query(address, "SELECT 1", "--password=wrong")
    assert MariaDb.query(listen, "SELECT 6 * 7").strip() == "42"


@pytest.mark.parametrize("masked", [True, False], ids=["masked", "unmasked"])
def test_nginx_with_dates_that_differ(masked, folder, cleanup, start):
    """The replica is stopped for more than a second, so that it answers with another Date."""
    root = folder / "root"
    root.mkdir()
    (root / "index.html").write_text("<p>hello</p>\n" * 100)
    folder.chmod(0o755)
    production, replica = (cleanup.enter_context(Nginx(folder / name, root))
                           for name in ("production", "replica"))
    listen = free_address()
    daemon = start(keys(listen, production, replica),
                   divergence={"mask": ["^Date: .*$"]} if masked else {})
    replica.stop()
    connection = http.client.HTTPConnection(listen.host, listen.port, timeout=seconds(10))
    begin = time.time()
    for _ in range(50):
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.status == 200 and len(response.read()) == 1300
    connection.request("GET", "/missing")
    assert connection.getresponse().status == 404
    connection.close()
    eventually(lambda: time.time() > begin + 1.1, 5, "another second")
    replica.resume()
    status = settled(daemon)
    assert status["state"] == ("in-sync" if masked else "diverged"), status["reason"]
    if masked:
        assert status["replicas"][0]["compared"] == status["replicas"][0]["produced"]


def test_two_services_of_one_instance(folder, cleanup):
    """Ports of one policy are told apart in the status and in the ledger."""
    first, second = (cleanup.enter_context(Redis(folder / name)) for name in ("first", "second"))
    listens = free_address(), free_address()
    with Daemon(folder, [{"listen": listens[0], "production": first.address,
                          "replicas": [second.address]},
                         {"listen": listens[1], "production": second.address}]) as daemon:
        for listen, key in zip(listens, ("a", "b")):
            run("redis-cli", "-h", listen.host, "-p", listen.port, "SET", key, "1")
        ports = {port["listen"]: port for port in daemon.status()["ports"]}
        assert [ports[listen.text]["sessions_total"] for listen in listens] == [1, 1]
        assert {entry["listen"] for entry in daemon.ledger()} == {listens[0].text}
        eventually(lambda: run("redis-cli", "-h", second.address.host, "-p", second.address.port,
                               "MGET", "a", "b").split() == ["1", "1"], 5, "the copy arrived")
