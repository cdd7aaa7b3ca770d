"""Fixtures of the black-box suite.

Run from the top folder as `/usr/bin/python3 -m pytest tests/net`; PARIKSHAND_BUILD names the build
folder (default ./build), PARIKSHAN_SLOW=1 suits sanitizer builds. Every test has a time limit, and
every process is ended by its own pid.
"""

import contextlib
import faulthandler
import pathlib
import shutil
import signal
import sys
import tempfile

import pytest

from limits import seconds
from parikshan import PARIKSHAND, Daemon
from scripted_server import local_server
from stub import StubService

TEST_LIMIT = 60


def pytest_sessionstart():
    if not PARIKSHAND.exists():
        pytest.exit(f"{PARIKSHAND} is not there: build it, or set PARIKSHAND_BUILD", returncode=2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """A test that hangs fails, with the stack of each thread, and the suite goes on."""
    limit = int(seconds(TEST_LIMIT))

    def expired(*_):
        faulthandler.dump_traceback(file=sys.__stderr__)
        raise TimeoutError(f"{item.nodeid} took more than {limit} s")
    previous = signal.signal(signal.SIGALRM, expired)
    signal.alarm(limit)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def _folder():
    """Short, as the path of a unix socket has at most 107 bytes; open to other users, as some
    tests run programs as one."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="pk-", dir="/tmp"))
    path.chmod(0o755)
    return path


@pytest.fixture
def folder():
    path = _folder()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def module_folder():
    path = _folder()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def cleanup():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def start(folder, cleanup):
    """start(duplicates, **tables): a daemon that is ended, and must end well, after the test."""
    return lambda duplicates, **tables: cleanup.enter_context(
        Daemon(folder, duplicates, **tables))


@pytest.fixture
def stub(folder, cleanup):
    """stub(behaviour, ...): a stub service as a process of its own."""
    return lambda *arguments: cleanup.enter_context(StubService(folder, *arguments))


@pytest.fixture
def server(folder, cleanup):
    """server(script): a scripted server in this process."""
    return lambda *arguments, **named: cleanup.enter_context(
        local_server(*arguments, directory=folder, **named))
