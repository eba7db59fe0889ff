"""Watching over the child in which a candidate is tried: its time, its memory, and how it ends.

Owns: starting the child, reading what it says, and killing it when it has had what it may have.
Does not know: what the child does (`trial_child`), nor what is done with what it measured.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEGABYTE = 1_000_000
_LOOK_S = 0.1
_LARGEST_LINE = 1 << 20  # bytes
_MOST_SAID = 2000  # characters of what the libraries print
_ROOT = Path(__file__).parents[2]
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@dataclass(kw_only=True)
class Outcome:
    """What became of a candidate."""

    ended: str = "crashed"  # well, does_not_load, crashed, hung, too_much_memory or given_up
    why: str = ""
    alone: bool = False  # it had no network
    load_s: float = 0.0
    peak: int = 0  # bytes of memory
    dimensions: int = 0
    answers: list[dict[str, Any]] = field(default_factory=list)


def watch(
    job: Mapping[str, Any], *, seconds: float, most_memory: int, gone: Callable[[], bool] = lambda: False
) -> Outcome:
    """Tries a candidate in a child of its own, which is gone when this returns.

    Args:
        job: As `trial_child` reads it.
        seconds: That it may take in all.
        most_memory: Bytes that it may have at any moment.
        gone: Whether nobody waits for it any more.
    """
    outcome, begun = Outcome(), time.monotonic()
    job = {**job, "parent": os.getpid(), "most_memory": most_memory}
    with _child(job) as child:
        lines = _Lines(child)
        while outcome.ended == "crashed":
            for line in lines.read(_LOOK_S):
                _note(line, outcome)
            outcome.peak = max(outcome.peak, _peak(child.pid))
            if outcome.peak > most_memory:
                outcome.ended, outcome.why = (
                    "too_much_memory",
                    f"It took more than {most_memory // MEGABYTE} MB.",
                )
            elif outcome.ended != "crashed":
                break
            elif time.monotonic() - begun > seconds:
                outcome.ended, outcome.why = "hung", f"It had not come to an end after {seconds:.0f} s."
            elif gone():
                outcome.ended, outcome.why = "given_up", "Nobody waits for it any more."
            elif lines.ended:
                break
    if outcome.ended == "crashed":
        outcome.why = _how(child.returncode, lines.said)
    return outcome


class _Lines:
    """What the child says: our lines from stdout, and the end of all else from stderr."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._selector = selectors.DefaultSelector()
        for stream in (child.stdout, child.stderr):
            assert stream  # noqa: S101 - both are pipes
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, stream is child.stdout)
        self._begun = b""
        self._said: deque[str] = deque(maxlen=_MOST_SAID)

    @property
    def ended(self) -> bool:
        """Whether the child has closed both."""
        return not self._selector.get_map()

    @property
    def said(self) -> str:
        """The end of what the libraries printed."""
        return "".join(self._said)

    def read(self, seconds: float) -> Iterator[dict[str, Any]]:
        """The lines that came within a moment."""
        for key, _ in self._selector.select(seconds):
            data = os.read(key.fd, 65_536)
            if not data:
                self._selector.unregister(key.fileobj)
            elif not key.data:
                self._said.extend(data.decode("utf-8", "replace"))
            else:
                *whole, self._begun = (self._begun + data).split(b"\n")
                self._begun = self._begun[:_LARGEST_LINE]
                yield from map(_understood, whole)


@contextlib.contextmanager
def _child(job: Mapping[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    # No setting of the house, some of which are secret; the search path is ours.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NISSE_")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_ROOT), environment.get("PYTHONPATH")]))
    child = subprocess.Popen(
        [sys.executable, "-m", "agent.brain.trial_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        assert child.stdin  # noqa: S101 - it is a pipe
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(json.dumps(job).encode() + b"\n")
        yield child
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_LOOK_S)  # who has come to an end keeps the status with which it did
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for stream in (child.stdout, child.stderr):
            if stream:
                stream.close()


def _note(line: Mapping[str, Any], outcome: Outcome) -> None:
    outcome.peak = max(outcome.peak, int(line.get("peak", 0)))
    match line.get("event"):
        case "begun":
            outcome.alone = bool(line["alone"])
        case "failed":
            outcome.ended, outcome.why = "does_not_load", str(line["why"])[:_MOST_SAID]
        case "loaded":
            outcome.load_s, outcome.dimensions = float(line["seconds"]), int(line["dimensions"])
        case "answer":
            outcome.answers.append({name: line[name] for name in line if name not in ("event", "peak")})
        case "done":
            outcome.ended = "well"


def _understood(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _peak(pid: int) -> int:
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace"))
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def _how(status: int, said: str) -> str:
    name = signal.Signals(-status).name if -status in list(signal.Signals) else str(status)
    last = [line.strip() for line in said.splitlines() if line.strip()][-1:]
    return f"It ended with {name}. {' '.join(last)}".strip()[:_MOST_SAID]
