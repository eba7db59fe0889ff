"""A box for the tests of updates of Nisse: this side and root's are both real; only systemd, the house's health and mail are scripted.

Owns: putting it together, and what a restart of the house and a trial mean for both sides.
Does not know: what a test looks for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import tomli_w

from provisioning.box.places import Places
from provisioning.privileged import verbs
from provisioning.programs import starting
from provisioning.programs.asking import Programs
from provisioning.programs.choosing import Base, Start
from provisioning.programs.house import Service
from provisioning.programs.state import Book as RootsBook
from provisioning.programs.trying import Trial
from provisioning.slots.health import Finding
from provisioning.updates import first_root
from provisioning.updates.believed import Believed
from provisioning.updates.book import Book
from provisioning.updates.lane import Lane
from provisioning.updates.metadata import Metadata
from provisioning.updates.mirrors import named
from provisioning.updates.parts import Wishes
from provisioning.updates.programs.book import ProgramBook
from provisioning.updates.programs.handing import Root
from provisioning.updates.programs.machine import ProgramMachine
from provisioning.updates.programs.owner import ProgramOwner
from provisioning.updates.programs.parts import ProgramParts
from provisioning.updates.programs.store import ProgramStore
from provisioning.updates.trust import Box
from tests.fakes.programs import Programs as System

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BASE = Base(version="0.5.0", architecture="amd64", python=PYTHON)


class RootBeside(Root):
    """Root in the same process: its own words, without the socket."""

    def __init__(self, box: BoxWithPrograms) -> None:
        super().__init__(box.places.run, box.places.programs, running=lambda: box.running)
        self._box = box

    def _ask(self, verb: str, **values: Any) -> dict[str, Any]:
        from provisioning.updates.programs import handing

        self._box.asked.append(verb)
        if self._box.silent:
            from agent.errors import UnreachableError

            raise UnreachableError("The box's own service does not answer.")
        said = verbs.answer(self._box.helper, {"verb": verb, **values}, "nisse-updates")
        if said.get("ok") is not True:
            raise handing._refusal(said)
        return said


class BoxWithPrograms:
    """One box. `machine` is not started: `step` and `until` move it, so that no clock decides."""

    def __init__(
        self,
        folder: Path,
        *,
        root: bytes,
        urls: Sequence[str],
        policy: str = "ask",
        delay: timedelta = timedelta(0),
    ) -> None:
        """Finds itself on a folder, fresh or as an earlier one left it."""
        self.places = Places(folder)
        self.ahead = 0.0  # seconds, of the box's clock
        self.asked: list[str] = []
        self.later: list[Callable[[], None]] = []
        self.silent = False  # root does not answer
        self.well = True  # what runs is well
        self.ticks = 1000.0
        self.system = System()
        self.system.does("systemctl --no-block restart", self._restarted)
        self._lay(root)
        keys = folder / "keys"
        programs = Programs(self.places, self.system, self.later.append, now=self.now, keys=keys)
        self.helper = verbs.Box(places=self.places, run=self.system, background=self.later.append)
        vars(self.helper)["programs"] = programs
        self._wishes = Wishes(policy=policy, delay=delay, source=" ".join(urls))
        self._root, self._urls = root, list(urls)
        self.lane = Lane()
        self.process()

    def _lay(self, root: bytes) -> None:
        self.places.programs.mkdir(parents=True, exist_ok=True)
        self.places.run.mkdir(parents=True, exist_ok=True)
        (self.places.run / "helper.sock").touch()
        self.places.image.parent.mkdir(parents=True, exist_ok=True)
        facts = {"version": BASE.version, "architecture": BASE.architecture, "board": "pc"}
        self.places.image.write_text(tomli_w.dumps(facts), encoding="utf-8")
        keys = self.places.root / "keys"
        keys.mkdir(exist_ok=True)
        (keys / first_root.ROOT).write_bytes(root)
        if not (self.places.run / starting.FACTS).exists():  # the machine has just been started
            starting.choose(self.places, BASE, Start, self.now)
            if RootsBook(self.places).read().candidate:
                self.later.append(self.trial)

    def now(self) -> float:
        """The box's clock."""
        return datetime.now(UTC).timestamp() + self.ahead

    @property
    def updates(self) -> Path:
        """The folder of updates."""
        return self.places.home / "models" / "updates"

    @property
    def running(self) -> str:
        """The version that runs, as the last start chose."""
        sha256 = starting.runs(self.places)
        state = RootsBook(self.places).read()
        return next((each.version for each in state.programs if each.sha256 == sha256), BASE.version)

    def process(self) -> None:
        """A new process of updates, as after a restart of the house."""
        folder, root, urls = self.updates, self._root, self._urls
        believed = Believed(lambda: Metadata(folder / "tuf", root, lambda: urls))
        beside = RootBeside(self)
        self.letters = Book(folder)
        self.believed = believed
        store = ProgramStore(
            folder / "programs",
            mirrors=lambda: named(urls),
            listed=lambda: news.targets if (news := believed.known()) else {},
            kept=beside.present,
            keep_free=0,
        )
        parts = ProgramParts(
            book=ProgramBook(folder / "programs", self.letters),
            source=believed,
            store=store,
            root=beside,
            wishes=self._wishes,
            box=Box(id="box", memory=8000, agent=self.running),
            line=lambda: "",
            lane=self.lane,
            lists=folder / "tuf",
        )
        self.machine = ProgramMachine(parts, clock=self.now, pause=0.0)
        self.owner = ProgramOwner(self.machine)

    def check(self) -> None:
        """The signed lists are asked for."""
        self.believed.refresh()

    def step(self) -> None:
        """Takes one step, and root what it put off."""
        self.machine._round()
        while self.later:
            self.later.pop()()

    def until(self, *steps: str, rounds: int = 100) -> None:
        """Takes steps until one of these is reached."""
        for _ in range(rounds):
            self.step()
            if str(self.machine.record.step) in steps:
                return
        raise AssertionError(f"{steps} did not come: {self.machine.record}, {self.machine.trouble}")

    def restart(self, why: Start | None = None) -> None:
        """The house starts anew, and with it this side."""
        starting.choose(self.places, BASE, lambda: why or Start(), self.now)
        self.process()

    def _restarted(self, command: tuple[str, ...]) -> str:
        """systemd is told to start something anew."""
        self.later.append(self.trial if "trial" in command[-1] else self.restart)
        return ""

    def trial(self) -> None:
        """Root's trial, from its begin to its end; the clock is the test's."""
        candidate = RootsBook(self.places).read().candidate
        if candidate:
            Trial(self.places, BASE, self, rest=self._rest, ticks=lambda: self.ticks, now=self.now)._try(
                candidate
            )

    def service(self) -> Service:
        """What systemd says."""
        return Service(is_active=True, is_again=False, result="success", started=100.0, ready=105.0)

    def look(self, version: str, seconds: float) -> Sequence[Finding]:
        """The questions of a trial."""
        assert seconds > 0
        is_well = self.well and version == self.running
        return [Finding(about="portal", is_well=is_well, words="answers" if is_well else "is silent")]

    def _rest(self, seconds: float) -> None:
        self.ticks += seconds
