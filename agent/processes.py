"""What supervisord says of each of the house's processes, and how much memory each takes.

Owns: asking supervisord over its socket, or where that is root's alone, as on the box, reading the status file that it writes.
Does not know: what any process does, nor how supervisord is configured beyond where its socket and the file lie.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from supervisor.xmlrpc import SupervisorTransport

from agent.errors import UnreachableError
from agent.settings import Settings

MEGABYTE = 1_000_000
_STATUS_FILE = "status.json"
_OLDEST_STATUS_S = 120.0
_LARGEST_STATUS = 200_000  # bytes


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process as supervisord sees it."""

    name: str
    state: str  # RUNNING, STARTING, BACKOFF, STOPPED, EXITED or FATAL
    since: float  # seconds since 1970 at which the state began
    memory_mb: int
    said: str  # supervisord's own words, such as how it ended


def socket_path(settings: Settings) -> Path:
    """Where supervisord's control socket lies."""
    return settings.home / "run" / "supervisor.sock"


def states(settings: Settings) -> list[Process]:
    """Every process, by name.

    Raises:
        UnreachableError: supervisord does not run, or does not answer.
    """
    if os.environ.get("NISSE_RUN"):
        return _as_written(Path(os.environ["NISSE_RUN"]) / _STATUS_FILE)
    with _supervisor(settings) as supervisor:
        return sorted(
            (_process(row) for row in supervisor.getAllProcessInfo()), key=lambda process: process.name
        )


def _as_written(file: Path) -> list[Process]:
    """What supervisord wrote last (see `provisioning/supervision/pulse.py`)."""
    try:
        with file.open("rb") as opened:
            content = json.loads(opened.read(_LARGEST_STATUS))
        if abs(time.time() - content["at"]) > _OLDEST_STATUS_S:
            raise UnreachableError("The supervisor has said nothing for minutes.", hint="Restart the box.")
        return [
            Process(
                name=row["name"],
                state=row["state"],
                since=float(row["since"]),
                memory_mb=int(row["memory_mb"]),
                said=row["said"],
            )
            for row in content["processes"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as unreadable:
        raise UnreachableError(
            "The supervisor has not said anything yet.", hint="Wait a minute."
        ) from unreadable


@contextlib.contextmanager
def _supervisor(settings: Settings) -> Any:
    transport = SupervisorTransport(None, None, f"unix://{socket_path(settings)}")
    try:
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            yield proxy.supervisor
    except (OSError, xmlrpc.client.ProtocolError) as failed:
        raise UnreachableError(
            "The supervisor does not answer.", hint="Start the house with `make run`."
        ) from failed


def _process(row: dict[str, Any]) -> Process:
    began = row["start"] if row["pid"] else row["stop"]
    return Process(
        name=row["name"],
        state=row["statename"],
        since=float(began),
        memory_mb=_memory_mb(row["pid"]),
        said=row["description"] or row["spawnerr"],
    )


def _memory_mb(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss / MEGABYTE) if pid else 0
    except psutil.NoSuchProcess:
        return 0
