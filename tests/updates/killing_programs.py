"""kill -9 at every step that an update of Nisse itself takes on the disk, on this side and on root's: the box starts anew each time.

Owns: dying at a chosen place, and looking what is left: does a whole and verified version run, does the next start bring the update to
its end, and is the owner told once.
Does not know: how updates work. How a process is made to die stands in `killing`.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.programs import installing, starting
from provisioning.programs.state import Book
from tests.measured import Check
from tests.release.publishing import Publisher, program_file
from tests.updates import killing
from tests.updates.programs.box import PYTHON, BoxWithPrograms

QUICK = 14
_MOST_STEPS = 200
_SIZE = 1_500_000
_BYTES = 30  # random places in the midst of a write


@dataclass(frozen=True)
class Story:
    """What happens in a run, if nobody dies."""

    name: str
    well: bool  # the new version
    outcome: str
    runs: str  # the version at the end


STORIES = (
    Story("kept", well=True, outcome="committed", runs="0.5.1"),
    Story("put back", well=False, outcome="rolled_back", runs="0.5.0"),
)


@dataclass(frozen=True)
class Point:
    """Where to die."""

    story: Story
    kind: str  # operation: before the n-th; written: in the midst of a write, with the n-th byte
    number: int

    def __str__(self) -> str:
        return f"{self.story.name}, {self.kind} {self.number}"


class Site:
    """What all runs share: a publisher with one version, and a folder for the box."""

    def __init__(self, folder: Path) -> None:
        """Publishes it."""
        installing.KEEP_FREE = 0
        self.publisher = Publisher(folder / "repository")
        self.publisher.add_program(program_file(folder / "built", "0.5.1", size=_SIZE, python=PYTHON))
        self.scratch = folder / "box"

    def fresh(self) -> None:
        """A box that was never updated."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)

    def boot(self, story: Story) -> BoxWithPrograms:
        """The box after a start of the machine."""
        shutil.rmtree(self.scratch / "run", ignore_errors=True)
        box = BoxWithPrograms(
            self.scratch, root=self.publisher.root, urls=[self.publisher.url], policy="automatic"
        )
        box.well = story.well
        return box


def measure(folder: Path, *, quick: bool) -> list[Check]:
    """Kills at every place, one after another."""
    site = Site(folder)
    points = places(site, quick=quick)
    wrong = [trouble for point in points if (trouble := die_and_look(site, point))]
    for trouble in wrong:
        sys.stdout.write(f"{trouble}\n")
    return [
        Check(name="program_kill_points", value=len(points), goal="" if quick else ">= 100"),
        Check(name="program_kill_points_wrong", value=len(wrong), goal="<= 0"),
    ]


def places(site: Site, *, quick: bool) -> list[Point]:
    """Every operation that each story does on the disk, and random bytes of what is written."""
    chance, chosen = random.Random(2), []
    for story in STORIES:
        operations, written = _counts(site, story)
        every = range(1, operations + 1)
        chosen += [
            Point(story, "operation", n) for n in (chance.sample(every, QUICK // 2) if quick else every)
        ]
        count = 2 if quick else _BYTES
        chosen += [Point(story, "written", chance.randrange(1, written)) for _ in range(count)]
    return chosen


def die_and_look(site: Site, point: Point) -> str:
    """One death, and what is wrong after it; empty: nothing."""
    site.fresh()
    story = point.story
    status = killing._forked(lambda: _run(site, story, _dying(point)))
    if status != -signal.SIGKILL:
        return f"{point}: it did not die, but ended with {status}"
    status = killing._forked(lambda: _run(site, story, None))
    return f"{point}: {_words(status)}" if status else ""


def _words(status: int) -> str:
    known = {
        11: "something else than the base or the new version ran",
        12: "what runs is not whole",
        13: "the update did not come to its end",
        14: "another version runs at the end",
        15: "something is left over",
        16: "the owner was not told once",
    }
    return known.get(status, f"the next start ended with {status}")


def _counts(site: Site, story: Story) -> tuple[int, int]:
    """How many operations an undisturbed run does, and how many bytes it writes."""
    site.fresh()
    counts = site.scratch / "counts"
    done = {"operation": 0, "received": 0, "written": 0}

    def count(kind: str, amount: int, _write: Callable[[int], Any]) -> None:
        done[kind] += amount

    def work() -> None:
        _run(site, story, count)
        counts.write_text(f"{done['operation']} {done['written']}")

    status = killing._forked(work)
    assert status == 0, f"{story.name}: {_words(status)}"
    operations, written = counts.read_text().split()
    return int(operations), int(written)


def _dying(point: Point) -> Callable[[str, int, Callable[[int], Any]], None]:
    left = point.number

    def count(kind: str, amount: int, write: Callable[[int], Any]) -> None:
        nonlocal left
        if kind == point.kind:
            left -= amount
            if left <= 0:
                write(max(0, amount + left - 1))
                os.kill(os.getpid(), signal.SIGKILL)

    return count


def _run(site: Site, story: Story, count: Callable[[str, int, Callable[[int], Any]], None] | None) -> None:
    """Takes a story from a start of the box to its end; a wrong end is told by the exit status."""
    if count:
        killing._instrument(count)
    box = site.boot(story)
    _check_running(box)
    box.check()
    for _ in range(_MOST_STEPS):
        box.step()
        if box.machine.parts.book.history() and str(box.machine.record.step) == "idle":
            break
    _check_running(box)
    history = box.machine.parts.book.history()
    if [each.outcome for each in history] != [story.outcome]:
        sys.stdout.write(f"{history} {box.machine.record} {box.machine.trouble}\n")
        os._exit(13)
    if box.running != story.runs:
        os._exit(14)
    programs = box.updates / "programs"
    left = [path for name in ("incoming", "blobs/sha256") for path in (programs / name).glob("*")]
    kept = {Book(box.places).file(each).name for each in Book(box.places).read().programs} | {"state.json"}
    box.restart()  # the next start sweeps
    if left or {path.name for path in box.places.programs.iterdir()} - kept:
        os._exit(15)
    if len(box.letters.letters()) != (0 if story.well else 1):
        os._exit(16)


def _check_running(box: BoxWithPrograms) -> None:
    state = Book(box.places).read()
    sha256 = starting.runs(box.places)
    found = next((each for each in state.programs if each.sha256 == sha256), None)
    if box.running not in ("0.5.0", "0.5.1") or bool(sha256) != bool(found):
        os._exit(11)
    if found and not starting.is_whole(Book(box.places).file(found), found):
        os._exit(12)
