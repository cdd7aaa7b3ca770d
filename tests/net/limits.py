"""Time limits and sizes, scaled for slow builds.

Sanitizer builds are several times slower: PARIKSHAN_SLOW=1 stretches every time limit and shrinks
the bulk sizes. What is asserted about behaviour does not change with it.
"""

import os
import time

SLOW = os.environ.get("PARIKSHAN_SLOW", "") not in ("", "0")
SCALE = 5 if SLOW else 1

KIB = 1024
MIB = 1024 * 1024


def seconds(value):
    """A time limit of `value` seconds on a release build."""
    return value * SCALE


def bulk(size):
    """Bytes of a bulk transfer: a quarter of `size` on a slow build."""
    return size // 4 if SLOW else size


def eventually(condition, within, what):
    """Polls until `condition()` is truthy and returns its value; after `within` seconds (scaled)
    fails and says `what` was awaited and the last value seen."""
    deadline = time.monotonic() + seconds(within)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds(within)} s: {what} (last: {value!r})")
        time.sleep(0.01)


def remains(condition, during, what):
    """Asserts that `condition()` stays truthy for `during` seconds: for what must not happen."""
    deadline = time.monotonic() + during
    while time.monotonic() < deadline:
        assert condition(), what
        time.sleep(0.01)
