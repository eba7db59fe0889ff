"""Ports of this machine for servers of the tests, each in a range that no other worker of the same run takes from.

Owns: the ranges, the order in which their ports are given, and passing over those that somebody has.
Does not know: who listens where.

Who asks the kernel for a free port and lets go of it shares it with every connection that goes out and everybody else who asks. These
lie below what the kernel chooses from (net.ipv4.ip_local_port_range), so one stays free until its server binds it, and while it is away.
"""

from __future__ import annotations

import itertools
import os
import socket

_FIRST, _END = 12_288, 32_768
_ALONE = 4_096  # ports of all who run without pytest-xdist
_STRIDE = 7_919  # prime: processes that begin one after another begin far apart


def _range() -> range:
    """The ports of this worker, or of whoever runs without others."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        return range(_FIRST, _FIRST + _ALONE)
    count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    size = (_END - _FIRST - _ALONE) // count
    begin = _FIRST + _ALONE + int(worker.removeprefix("gw")) * size
    return range(begin, begin + size)


_PORTS = _range()
_turns = itertools.count(os.getpid() * _STRIDE)


def free_port() -> int:
    """A port that nobody listens on, and that this process is given again only when all others of its range were.

    Raises:
        RuntimeError: All are taken.
    """
    for turn in itertools.islice(_turns, len(_PORTS)):
        port = _PORTS[turn % len(_PORTS)]
        if _is_free("127.0.0.1", port) and _is_free("", port):
            return port
    raise RuntimeError(f"every port from {_PORTS[0]} to {_PORTS[-1]} is taken")


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
