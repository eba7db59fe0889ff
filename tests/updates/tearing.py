"""Every file that updates keep, torn in every way, at several moments of an update (T3): the house starts, and chooses right.

Owns: the ways of tearing, and what is right afterwards.
Does not know: how updates work, nor what is in any of the files.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.models.catalogue import Model
from provisioning.updates.book import Letter
from provisioning.updates.judging import Shown
from provisioning.updates.states import Record
from tests.measured import Check
from tests.release.publishing import Publisher
from tests.updates.household import Household, furnish, new_file, put

QUICK = 24
_WELL = (
    "checked",
    "offered",
    "reserved",
    "downloading",
    "verified",
    "staged",
    "trial",
    "probation",
    "committed",
    "gc",
    "idle",
)
_BADLY = ("rollback", "reported", "after")  # of a release that does badly, and the rest after it
_MOST_ROUNDS = 120
_SIZE = 600_000


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _zero(path: Path) -> None:
    _overwrite(path, 0, bytes(path.stat().st_size))


def _zero_the_end(path: Path) -> None:
    size = path.stat().st_size
    _overwrite(path, size - size // 3, bytes(size // 3))


def _flip(path: Path) -> None:
    size = path.stat().st_size
    place = random.Random(f"{path.name}{size}").randrange(size)
    with path.open("rb") as file:
        file.seek(place)
        byte = file.read(1)[0]
    _overwrite(path, place, bytes([byte ^ 4]))


def _scribble(path: Path) -> None:
    _overwrite(path, 0, random.Random(path.name).randbytes(min(path.stat().st_size, 4096) or 7))


def _lengthen(path: Path) -> None:
    path.chmod(0o600)
    with path.open("ab") as file:
        file.write(b"\x00\x00 and more")


def _lose(path: Path) -> None:
    path.unlink()


def _overwrite(path: Path, place: int, data: bytes) -> None:
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


def _elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("999.json")


def _nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("../../../etc/passwd")


def _no_link(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"")


_FILES: tuple[Callable[[Path], None], ...] = (_empty, _halve, _zero, _zero_the_end, _flip, _scribble, _lengthen, _lose)  # fmt: skip
_LINKS: tuple[Callable[[Path], None], ...] = (_lose, _elsewhere, _nowhere, _no_link)


@dataclass(frozen=True)
class Tear:
    """One damage at one moment."""

    moment: str  # a state; of a release that does badly where it stands among _BADLY
    file: str  # below the folder of models
    how: Callable[[Path], None]

    def __str__(self) -> str:
        return f"{self.moment}, {self.file}, {self.how.__name__}"


@dataclass(frozen=True)
class Site:
    """What all cases share."""

    folder: Path
    publisher: Publisher
    old: Model

    def house(self, folder: Path, *, badly: bool = False) -> Household:
        """A house on such a folder, in which the new model does well or badly."""
        house = furnish(
            folder, self.old, root=self.publisher.root, urls=[self.publisher.url], policy="automatic"
        )
        house.brain.answers_a_look = 30
        if badly:
            house.brain.shows["new"] = Shown(ended="crashed")
        return house


def measure(folder: Path, *, quick: bool) -> list[Check]:
    """Tears everything, one after another."""
    place = site(folder)
    tears = chosen(list(every(place)))
    if quick:
        tears = random.Random(2).sample(tears, QUICK)
    wrong = []
    logging.disable(logging.ERROR)  # thousands of lines on what was torn
    for tear in tears:
        trouble = torn(place, tear)
        if trouble:
            wrong.append(trouble)
            sys.stdout.write(f"{tear}: {trouble}\n")
    logging.disable(logging.NOTSET)
    return [
        Check(name="torn_files", value=len(tears), goal="" if quick else ">= 300"),
        Check(name="torn_files_wrong", value=len(wrong), goal="<= 0"),
    ]


def site(folder: Path) -> Site:
    """A house, kept at each of several moments of an update."""
    publisher = Publisher(folder / "repository")
    publisher.add(new_file(folder / "made", "new", size=_SIZE), name="new", title="New")
    old = put(folder / "work", "old", seed=1, size=100_000)
    _copy(folder / "work", folder / "badly")
    place = Site(folder, publisher, old)
    for work, moments in (("work", _WELL), ("badly", _BADLY)):
        house = place.house(folder / work, badly=work == "badly")
        house.machine.parts.book._wrote = _Keeping(folder, folder / work, moments)
        house.owner.check()
        house.until("gc", "reported")
        house.machine.parts.book.tell(Letter(key="update-0-x", subject="A letter", text="A text", at=1.0))
        house.until("idle")
    _copy(folder / "badly", folder / "kept" / "after")
    return place


def every(place: Site) -> Iterator[Tear]:
    """Each file at each moment, each way."""
    for moment in (*_WELL, *_BADLY):
        kept = place.folder / "kept" / moment
        for path in sorted(kept.rglob("*")):
            name = str(path.relative_to(kept))
            if path.is_symlink():
                yield from (Tear(moment, name, how) for how in _LINKS)
            elif path.is_file() and path.name != ".lock" and "old.gguf" not in path.name:
                yield from (Tear(moment, name, how) for how in _FILES if path.stat().st_size or how != _flip)


def chosen(tears: list[Tear]) -> list[Tear]:
    """Every way for what says where an update stands and what serves; of each other file two ways at each moment."""
    chance = random.Random(4)
    groups: dict[tuple[str, str], list[Tear]] = {}
    for tear in tears:
        groups.setdefault((tear.moment, tear.file), []).append(tear)
    return [
        tear
        for (_, file), ways in groups.items()
        for tear in (
            ways if file == "updates/state.json" or file.startswith("sets/") else chance.sample(ways, 2)
        )
    ]


def torn(place: Site, tear: Tear) -> str:
    """What is wrong after one damage; empty: nothing."""
    folder = place.folder / "torn"
    shutil.rmtree(folder, ignore_errors=True)
    _copy(place.folder / "kept" / tear.moment, folder)
    tear.how(folder / tear.file)
    house = place.house(folder, badly=tear.moment in _BADLY)
    tried = tear.moment in ("probation", "committed", "gc", "idle")
    try:
        return _wrong(house, tried=tried)
    except Exception as broken:  # noqa: BLE001 - whatever it is, that is what is to be seen
        return f"it broke: {broken!r}"


def _wrong(house: Household, *, tried: bool) -> str:
    for number in range(_MOST_ROUNDS):
        serves = house.serves
        if serves not in ("old", "new") or house.brain.unverified:
            return f"round {number}: {serves or 'nothing'} serves; unverified: {house.brain.unverified}"
        if serves == "new" and not (tried or "new" in house.brain.tried):
            return f"round {number}: the new model serves without a trial"
        looked = house.machine.looking.at or house.machine.looking.trouble
        if number and not house.machine.record.busy and not looked:
            house.owner.check()
        elif number and house.machine.record.state == "idle":
            break
        house.step()
        if house.machine.trouble.sentence.startswith("Something unforeseen"):
            return house.machine.trouble.sentence
    else:
        return f"it comes to no end: {house.machine.record.state}, {house.machine.trouble}"
    return ""


@dataclass(frozen=True)
class _Keeping:
    """Keeps a copy of a house at each of some moments."""

    folder: Path
    house: Path
    moments: tuple[str, ...]

    def __call__(self, record: Record) -> None:
        kept = self.folder / "kept" / str(record.state)
        if str(record.state) in self.moments and not kept.exists():
            _copy(self.house, kept)


def _copy(source: Path, target: Path) -> None:
    """With its links, hard ones too, and its times."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", source, target], check=True)
