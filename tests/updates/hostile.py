"""The hostile repository: every way in which an update server, a stick or a network may lie, each with the reason it is refused for.

Owns: the stage on which a case plays, and counting. The cases stand in the modules beside it.
Does not know: how a lie is noticed.
"""

from __future__ import annotations

import importlib
import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from provisioning.updates import trust
from provisioning.updates.metadata import Metadata
from provisioning.updates.news import News
from provisioning.updates.refusals import RefusedError
from tests.measured import Check
from tests.updates.repository import NOW, RepositorySimulator, Served

ADDRESS = "https://updates.example"
ACCEPTED = "accepted"  # the outcome where nothing was refused


class Stage:
    """A box and a repository, which has one honest release; the box believes it already."""

    def __init__(self, folder: Path) -> None:
        """Sets it up below a folder."""
        self.folder = folder
        self.server = RepositorySimulator()
        self.server.add_model(1)
        self.server.publish()
        self.root = self.server.files["metadata/1.root.json"]
        self.clock = NOW
        self.address = ADDRESS
        self.lie: Callable[[str, bytes], bytes] | None = None
        self.metadata = self.box("box")

    def box(self, name: str) -> Metadata:
        """A box with a memory of its own."""
        return Metadata(
            self.folder / name,
            self.root,
            lambda: [self.address],
            now=lambda: self.clock,
            fetcher=lambda: Served(self.server.files, self.lie),
        )

    def believe(self) -> News:
        """The box asks, and believes."""
        return self.metadata.refresh()

    def later(self, **duration: float) -> None:
        """Time passes, for the box and the publisher alike."""
        self.clock += timedelta(**duration)
        self.server.now = self.clock

    def outcome(self, *, relaxed: bool = False) -> str:
        """What becomes of the newest release: the reason for which the list or the release is refused, or ACCEPTED."""
        try:
            news = self.metadata.refresh(relaxed=relaxed)
        except RefusedError as refused:
            return refused.reason
        return judged(news)


def judged(news: News, *, serving: int = 0, delay: timedelta = timedelta(0)) -> str:
    """What becomes of the newest release of a list that is believed."""
    if news.refused and max(news.refused) > max((release.seq for release in news.releases), default=0):
        return news.refused[max(news.refused)]
    newest = news.releases[0]
    box = trust.Box(id="a box", memory=8000, agent="1.0")
    present = trust.Present(serving={newest.role: serving}, floors=news.floors)
    return trust.judge(newest, box, present, news.when, delay=delay).reason or ACCEPTED


@dataclass(frozen=True)
class Case:
    """One lie."""

    name: str
    reasons: tuple[str, ...]  # any of these is right
    play: Callable[[Stage], str] = field(compare=False)  # the outcome

    @property
    def honest(self) -> bool:
        """Nothing is wrong with it: it must be accepted."""
        return self.reasons == (ACCEPTED,)


_CASES: list[Case] = []


def case(*reasons: str) -> Callable[[Callable[[Stage], str]], Callable[[Stage], str]]:
    """Makes a function a case; it bears the function's name."""

    def enter(play: Callable[[Stage], str]) -> Callable[[Stage], str]:
        _CASES.append(Case(play.__name__, reasons, play))
        return play

    return enter


def cases() -> Sequence[Case]:
    """All of them."""
    for part in ("lists", "keys", "records", "wire", "programs"):
        importlib.import_module(f"tests.updates.hostile_{part}")
    return tuple(_CASES)


def measure(folder: Path, *, quick: bool) -> list[Check]:
    """Plays all cases; prints each with its outcome."""
    logging.getLogger("provisioning.updates").setLevel(logging.ERROR)  # each lie is logged on a box
    accepted, wrong = 0, 0
    for each in cases():
        with tempfile.TemporaryDirectory(dir=folder) as place:
            outcome = each.play(Stage(Path(place)))
        right = outcome in each.reasons
        print(f"  {each.name:60} {outcome:16} {'' if right else 'WRONG'}")  # noqa: T201 - the table
        accepted += outcome == ACCEPTED and not each.honest
        wrong += not right
    attacks = sum(not each.honest for each in cases())
    return [
        Check(name="hostile_cases", value=attacks, goal=">= 40"),
        Check(name="hostile_accepted", value=accepted, goal="<= 0"),
        Check(name="hostile_wrongly_named", value=wrong, goal="<= 0"),
    ]


def at(year: int) -> datetime:
    """The first moment of a year."""
    return NOW.replace(year=year, month=1, day=1, hour=0)
