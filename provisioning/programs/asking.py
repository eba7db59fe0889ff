"""What updates may have root do with programs: take one, go back to the one before, say how things stand.

Owns: the checks of each, and what is answered.
Does not know: sockets, nor who asks (`provisioning/privileged`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import ConflictError, RequestError
from provisioning.box.places import Places
from provisioning.box.running import Run
from provisioning.programs import base_version, choosing, installing, starting, untrusted
from provisioning.programs.choosing import Base
from provisioning.programs.house import House
from provisioning.programs.state import Book, Program, State

TRIAL = "nisse-program-trial.service"
Answer = dict[str, Any]


class Programs:
    """The box's programs, as its helper sees to them; one copy at a time."""

    def __init__(
        self,
        places: Places,
        run: Run,
        background: Callable[[Callable[[], None]], None],
        *,
        now: Callable[[], float] = time.time,
        keys: Path = Path("/usr/share/nisse/updates"),
    ) -> None:
        """Asks for nothing yet.

        Args:
            places: Where the box's things lie.
            run: Runs a program of the system.
            background: Begins what lasts longer than an answer.
            now: Seconds since 1970.
            keys: Where the root holds the publishers' keys.
        """
        self._keys = keys
        self._places, self._run, self._background, self._now = places, run, background, now
        self._copying = ""  # the sha256

    def install(self, asked: Mapping[str, Any]) -> Answer:
        """Verifies all that was signed at once, then copies and tries in the background.

        Raises:
            NisseError: It is not taken; the reason is the error's.
        """
        sha256, target, lists, path = (_text(asked, name) for name in ("sha256", "target", "lists", "path"))
        base, state = base_version.read(self._places), Book(self._places).read()
        if sha256 in (self._copying, *_here(state)):
            return {}
        if self._copying:
            raise ConflictError("Another version of Nisse is being copied.", hint="Wait a minute.")
        installing.demand_free(state)
        again = asked.get("again") is True
        program = self._verify(base, state, Path(lists), target, again=again)
        if (program.sha256, program.size) != (sha256, asked.get("size")):
            raise RequestError("It is not the file that was signed.", param="sha256")
        source = untrusted.open_below(self._places.home / "models", Path(path))
        self._copying = program.sha256
        self._background(lambda: self._take(base, program, source))
        return {}

    def back(self, _asked: Mapping[str, Any]) -> Answer:
        """Puts the version before in place, and starts the house with it.

        Raises:
            ConflictError: There is none, or one is being tried.
        """
        base, book = base_version.read(self._places), Book(self._places)
        with book.alone():
            state = book.read()
            installing.demand_free(state)
            if self._copying:
                raise ConflictError("Another version of Nisse is being copied.", hint="Wait some minutes.")
            if choosing.running(state, base) is None:
                raise ConflictError("There is no version of Nisse to go back to.")
            state = choosing.gone_back(state, base, self._now())
            book.write(state)
        House(self._places, self._run).restart()
        return {"to": state.last.to if state.last else base.version}

    def status(self, _asked: Mapping[str, Any]) -> Answer:
        """How things stand."""
        base, state = base_version.read(self._places), Book(self._places).read()
        runs = starting.runs(self._places)
        working = "copying" if self._copying else "trial" if state.candidate else ""
        running = next((each.to_json() for each in state.programs if each.sha256 == runs), None)
        return {"state": state.to_json(), "working": working, "base": vars(base), "running": running}

    def _verify(self, base: Base, state: State, lists: Path, target: str, *, again: bool) -> Program:
        from provisioning.programs.verifying import verified  # noqa: PLC0415 - python-tuf, of which other verbs need nothing

        moment = datetime.fromtimestamp(self._now(), UTC)
        return verified(
            self._places, base, state, folder=lists, target=target, now=moment, again=again, house=self._keys
        )

    def _take(self, base: Base, program: Program, source: int) -> None:
        try:
            if installing.take(self._places, base, program, source, self._now()):
                self._run("systemctl", "--no-block", "restart", TRIAL)
        finally:
            self._copying = ""


def _here(state: State) -> tuple[str, ...]:
    """What is in force or tried already."""
    candidate = state.candidate.program.sha256 if state.candidate else ""
    return (candidate, state.current.sha256 if state.current else "")


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise RequestError(f"{name!r} must be text, and not empty.", param=name)
    return value
