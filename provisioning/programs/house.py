"""The house as systemd and its people see it: why it starts, how long it took, is it well, start it anew.

Owns: what is asked of systemd about nisse.service, and the questions of a trial.
Does not know: programs' files, nor what follows from an answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent import settings
from agent.errors import NisseError
from provisioning.box.places import Places
from provisioning.box.running import Run
from provisioning.programs.choosing import Start
from provisioning.slots import health
from provisioning.slots.health import Finding

UNIT = "nisse.service"
_ASKED = (
    "ActiveState",
    "SubState",
    "Result",
    "ExecMainStartTimestampMonotonic",
    "ActiveEnterTimestampMonotonic",
)
_STATUS = "status.json"
_LARGEST = 1 << 20
_STALE_S = 60.0  # the supervisor writes its file every 20 s, if it lives


@dataclass(frozen=True, kw_only=True)
class Service:
    """What systemd says of the house."""

    is_active: bool
    is_again: bool  # it ended by itself, and systemd starts it again
    result: str  # why it ended
    started: float  # seconds on the kernel's clock, of the last start; 0: never
    ready: float  # when it last came up

    @property
    def start(self) -> Start:
        """Why it starts at this moment."""
        return Start(
            failed=self.is_again, was_ready=self.ready >= self.started, by_watchdog=self.result == "watchdog"
        )

    @property
    def seconds_to_ready(self) -> float:
        """How long its last start took; 0 where that is not known."""
        return max(0.0, self.ready - self.started) if self.started else 0.0


class House:
    """The house of this box."""

    def __init__(self, places: Places, run: Run) -> None:
        """Asks for nothing yet."""
        self._places, self._run = places, run

    def service(self) -> Service:
        """What systemd says.

        Raises:
            UnavailableError: It does not answer.
        """
        said = self._run("systemctl", "show", UNIT, f"--property={','.join(_ASKED)}", seconds=30)
        facts = {name: value for name, _, value in (line.partition("=") for line in said.splitlines())}
        return Service(
            is_active=facts.get("ActiveState") == "active",
            is_again=facts.get("SubState", "").startswith("auto-restart"),
            result=facts.get("Result", ""),
            started=_seconds(facts.get("ExecMainStartTimestampMonotonic", "")),
            ready=_seconds(facts.get("ActiveEnterTimestampMonotonic", "")),
        )

    def restart(self) -> None:
        """Starts the house anew, with what the choice of that start finds. An order given by us is none of its failures."""
        self._run("systemctl", "reset-failed", UNIT, seconds=30)
        self._run("systemctl", "--no-block", "restart", UNIT, seconds=30)

    def look(self, version: str, seconds: float) -> list[Finding]:
        """The questions of a trial; the dearer ones only where the cheaper ones are answered well.

        Args:
            version: Which must answer.
            seconds: How long the brain may take.
        """
        try:
            values = settings.load()
        except NisseError as unreadable:
            return [Finding(about="settings", is_well=False, words=str(unreadable))]
        found = [health.portal(values, version), processes(self._places.run / _STATUS, time.time())]
        if all_well(found):
            from provisioning.slots import thorough  # noqa: PLC0415 - loads SQLite and an HTTP client

            found += [thorough.databases(values.home), thorough.brain(values, seconds)]
        return found


def processes(status: Path, now: float) -> Finding:
    """Whether every process that is supervised runs.

    Args:
        status: What the supervisor writes.
        now: Seconds since 1970.
    """
    try:
        with status.open("rb") as file:
            said = json.loads(file.read(_LARGEST))
        states = {str(row["name"]): str(row["state"]) for row in said["processes"]}
        age = now - float(said["at"])
    except (OSError, ValueError, KeyError, TypeError) as unreadable:
        return Finding(about="processes", is_well=False, words=f"{status}: {unreadable}")
    if not states or abs(age) > _STALE_S:
        return Finding(about="processes", is_well=False, words="nobody says how they are")
    down = sorted(name for name, state in states.items() if state != "RUNNING")
    words = f"{', '.join(down)} not running" if down else f"{len(states)} run"
    return Finding(about="processes", is_well=not down, words=words)


def all_well(findings: Sequence[Finding]) -> bool:
    """Whether every question was answered well, and one was asked."""
    return bool(findings) and all(finding.is_well for finding in findings)


def _seconds(microseconds: str) -> float:
    return int(microseconds) / 1_000_000 if microseconds.isdecimal() else 0.0
