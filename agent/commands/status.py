"""`nisse status`: how the house is.

Owns: printing each process's state and each service's own words.
Does not know: what any process does.
"""

from __future__ import annotations

import argparse
import time

from agent import processes
from agent.errors import NisseError
from agent.settings import Settings
from agent.wire.call import client

HELP = "show each process and how it is"
_SERVICES = ("brain", "recall", "conversation", "updates")


def arguments(_parser: argparse.ArgumentParser) -> None:
    """The command takes nothing."""


def run(settings: Settings, _given: argparse.Namespace) -> int:
    """Prints a line each. Returns 0 if all processes run, 3 if not."""
    rows = processes.states(settings)
    for process in rows:
        for_s = max(0, int(time.time() - process.since)) if process.since else 0
        print(
            f"{process.name:14} {process.state:9} {_duration(for_s):>8} {process.memory_mb:6} MB  {_words(settings, process.name)}"
        )
    return 0 if all(process.state == "RUNNING" for process in rows) else 3


def _words(settings: Settings, name: str) -> str:
    if name not in _SERVICES:
        return ""
    try:
        return str(client(settings, name).get("/info", timeout=5).get("state", ""))
    except NisseError as away:
        return away.message


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
