"""kill -9 at every step that an update takes on the disk, and at random bytes of its download (T1).

Owns: dying at a chosen place, and looking what is left: is there a model to answer, is everything on the shelf what it must be, and does
the next start bring the update to its end.
Does not know: how updates work.

A run is a forked process that kills itself; forking spares the seconds of starting Python hundreds of times. Everything is real but the
brain, which serves what the real brain's own reading of the sets names.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.models.blobs import Blobs
from agent.models.catalogue import Model
from agent.models.sets import Sets
from agent.models.shelf import sha256
from provisioning.updates.judging import Shown
from tests.measured import Check
from tests.release.publishing import Publisher
from tests.updates.household import Household, furnish, new_file, put

BYTES, QUICK = 200, 12
_SIZE = 3_000_000
_OPERATIONS = ("fsync", "fdatasync", "replace", "rename", "link", "symlink", "unlink", "posix_fallocate")
_MOST_ROUNDS = 400
# Nothing here speaks TLS; reading a system's hundred authorities for each connection would take a third of the time.
_NO_AUTHORITIES = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
_TIMED_OUT = 90  # seconds of one run, enforced by the kernel


@dataclass(frozen=True)
class Story:
    """What happens in a run, if nobody dies."""

    name: str
    pristine: Path  # a folder of models before it
    outcome: str  # that the history tells at its end
    serves: str  # the model that answers then
    badly: bool = False  # the new model crashes in its trial
    begins: str = ""  # the state from which on it is another than the first story; empty: from its beginning


@dataclass(frozen=True)
class Point:
    """Where to die."""

    story: Story
    kind: str  # operation: before the n-th; received: with the n-th byte; written: in the midst of a write, with the n-th byte
    number: int

    def __str__(self) -> str:
        return f"{self.story.name}, {self.kind} {self.number}"


@dataclass(frozen=True)
class Site:
    """What all runs share."""

    stories: tuple[Story, ...]
    scratch: Path
    old: Model
    root: bytes
    url: str

    def house(self, folder: Path) -> Household:
        """A house on such a folder."""
        house = furnish(folder, self.old, root=self.root, urls=[self.url], policy="automatic")
        house.brain.answers_a_look = 30
        return house


def measure(folder: Path, *, quick: bool) -> list[Check]:
    """Kills at every place, one after another."""
    with site(folder) as place:
        points = places(place, quick=quick)
        wrong = [trouble for point in points if (trouble := die_and_look(place, point))]
    for trouble in wrong:
        sys.stdout.write(f"{trouble}\n")
    return [
        Check(name="kill_points", value=len(points), goal="" if quick else ">= 250"),
        Check(name="kill_points_not_serving", value=len(wrong), goal="<= 0"),
    ]


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A publisher with one release, a server of it in a process of its own, and a house that has its own model."""
    publisher = Publisher(folder / "repository")
    publisher.add(new_file(folder / "made", "new", size=_SIZE), name="new", title="New")
    old = put(folder / "pristine", "old", seed=1)
    stories = (
        Story("kept", folder / "pristine", "committed", "new"),
        Story("put back", folder / "pristine", "rolled_back", "old", badly=True, begins="trial"),
        Story("gone back", folder / "committed", "went_back", "old"),
    )
    with _served(publisher.folder) as url:
        place = Site(stories, folder / "scratch", old, publisher.root, url)
        kept = _fresh(place, stories[0])
        assert _forked(lambda: _run(place, stories[0], kept, lambda _house: None)) == 0
        _copy(kept, folder / "committed")
        yield place


def places(place: Site, *, quick: bool) -> list[Point]:
    """Every operation that each story does on the disk, and random bytes of what is fetched and written."""
    chance, chosen = random.Random(1), []
    for story in place.stories:
        first, operations, received, written = _counts(place, story)
        every = range(first, operations + 1)
        chosen += [
            Point(story, "operation", n) for n in (chance.sample(every, QUICK // 3) if quick else every)
        ]
        if story is place.stories[0]:
            count = QUICK // 3 if quick else BYTES // 2
            for kind, most in (("received", received), ("written", written)):
                chosen += [Point(story, kind, chance.randrange(1, most)) for _ in range(count)]
    return chosen


def _counts(place: Site, story: Story) -> list[int]:
    """The first operation of an undisturbed run that counts, how many there are, and the bytes received and written."""
    counts = _fresh(place, story) / "counts"
    status = _forked(lambda: _run(place, story, counts.parent, Counting(counts, story.begins)))
    assert status == 0, f"{story.name}: the undisturbed run ended with {status}"
    return list(map(int, counts.read_text().split()))


def die_and_look(place: Site, point: Point) -> str:
    """One death, and what is wrong after it; empty: nothing."""
    folder, story = _fresh(place, point.story), point.story
    status = _forked(lambda: _run(place, story, folder, Dying(point)))
    if status != -signal.SIGKILL:
        return f"{point}: it did not die, but ended with {status}"
    wrong = looked(place, folder)
    if not wrong:
        status = _forked(lambda: _run(place, story, folder, lambda _house: None))
        wrong = (
            f"the next start ended with {status}"
            if status
            else looked(place, folder, at_the_end=story.serves)
        )
    return f"{point}: {wrong}" if wrong else ""


def looked(place: Site, folder: Path, *, at_the_end: str = "") -> str:
    """What is wrong with a house as it lies there; empty: nothing.

    Args:
        place: What all runs share.
        folder: The house's models.
        at_the_end: The model that must answer; empty: either may, since the story has not come to its end.
    """
    house = place.house(folder)
    serves = house.serves
    if house.brain.unverified or serves not in ((at_the_end,) if at_the_end else ("old", "new")):
        return f"{serves or 'nothing'} serves, unverified: {house.brain.unverified}"
    if serves == "new" and not (folder / "tried").exists():
        return "the new model serves without a trial"
    blobs = Blobs(folder)
    damaged = [name for name in blobs.all() if sha256(blobs.path(name)) != name]
    if damaged:
        return f"blobs that are not what their names say: {damaged}"
    for model in (one for each in Sets(folder).all() for one in each.models):
        shelf = house.machine.parts.shelf
        if shelf.installed(model) and sha256(shelf.path(model)) != model.files[0].sha256:
            return f"{model.name} counts as installed and is not what it must be"
    if at_the_end and blobs.arriving():
        return f"left over: {blobs.arriving()}"
    return ""


class Counting:
    """Counts what a whole update does."""

    def __init__(self, file: Path, begins: str) -> None:
        self._file, self._begins = file, begins
        self._first = 0
        self._done = {"operation": 0, "received": 0, "written": 0}

    def __call__(self, house: Household) -> None:
        self._house = house
        _instrument(self._count)

    def _count(self, kind: str, amount: int, _write: Callable[[int], object]) -> None:
        self._done[kind] += amount
        if not self._first and self._begins in ("", str(self._house.machine.record.state)):
            self._first = self._done["operation"] or 1
        descriptor = _open(self._file, os.O_WRONLY | os.O_CREAT, 0o600)
        _pwrite(
            descriptor, " ".join(f"{count:9}" for count in (self._first, *self._done.values())).encode(), 0
        )
        os.close(descriptor)


class Dying:
    """Kills its own process at a place."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self._left = point.number

    def __call__(self, _house: Household) -> None:
        _instrument(self._count)

    def _count(self, kind: str, amount: int, write: Callable[[int], object]) -> None:
        if kind != self._point.kind:
            return
        self._left -= amount
        if self._left <= 0:
            write(max(0, amount + self._left - 1))  # what of it was done by then
            os.kill(os.getpid(), signal.SIGKILL)


_open, _pwrite = os.open, os.pwrite


def _instrument(count: Callable[[str, int, Callable[[int], object]], None]) -> None:
    """Has every operation on the disk, and every byte that comes, counted before it is done. In a forked process only."""
    from provisioning.updates import ranges

    for name in _OPERATIONS:
        setattr(os, name, _counted(getattr(os, name), count))

    def pwrite(descriptor: int, data: Any, offset: int) -> int:
        count("written", len(data), lambda length: _pwrite(descriptor, data[:length], offset))
        return _pwrite(descriptor, data, offset)

    os.pwrite = pwrite
    reader: Any = ranges.Stream
    plain = reader._count

    def received(self: Any, block: bytes) -> None:
        plain(self, block)
        count("received", len(block), lambda _length: None)

    reader._count = received


def _counted(
    operation: Callable[..., Any], count: Callable[[str, int, Callable[[int], object]], None]
) -> Callable[..., Any]:
    def counted(*arguments: Any, **more: Any) -> Any:
        count("operation", 1, lambda _length: None)
        return operation(*arguments, **more)

    return counted


def _run(place: Site, story: Story, folder: Path, prepare: Callable[[Household], None]) -> None:
    """Takes a story as far as it goes."""
    house = place.house(folder)
    tried = house.brain.trial

    def trial(model: Model, *more: Any) -> Any:
        if model.name == "new":
            (folder / "tried").touch()
        return tried(model, *more)

    house.brain.trial = trial  # type: ignore[assignment]
    if story.badly:
        house.brain.shows["new"] = Shown(ended="crashed")
    prepare(house)
    for _ in range(_MOST_ROUNDS):
        house.step()
        outcomes = [each.outcome for each in house.machine.parts.book.history()]
        if house.machine.record.state == "idle":
            if outcomes[:1] == [story.outcome]:
                break
            _say(house, story)
    if outcomes[:1] != [story.outcome] or house.brain.unverified:
        os._exit(3)


def _say(house: Household, story: Story) -> None:
    """What the owner says for it to go on."""
    if story.outcome == "went_back":
        house.owner.back()
    else:
        house.owner.check()


def _fresh(place: Site, story: Story) -> Path:
    shutil.rmtree(place.scratch, ignore_errors=True)
    _copy(story.pristine, place.scratch)
    return place.scratch


def _copy(source: Path, target: Path) -> None:
    """With its links, hard ones too, and its times."""
    subprocess.run(["cp", "-a", source, target], check=True)


def _fork() -> int:
    # Python warns where there are threads, as pytest-xdist's in a worker, since a child cannot have what one of them held. This one only
    # waits for messages: children touch neither its pipe nor anything else of it, and end by `os._exit` or a signal, never by return.
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", r"This process .*multi-threaded, use of fork\(\)", DeprecationWarning
        )
        return os.fork()


def _forked(work: Callable[[], None]) -> int:
    """Does something in a child; its exit status, negative for a signal."""
    child = _fork()
    if child == 0:
        status = 4
        try:
            signal.alarm(_TIMED_OUT)
            os.environ |= _NO_AUTHORITIES
            silence = _open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serves a folder from a process of its own: whoever forks must have no threads."""
    reading, writing = os.pipe()
    server = _fork()
    if server == 0:
        try:
            from tests.fakes.mirror import Mirror

            os.dup2(_open(os.devnull, os.O_WRONLY), 2)  # it says of each client that dies that it did
            with Mirror(folder) as mirror:
                os.write(writing, mirror.url.encode())
                os.close(writing)
                signal.pause()
        finally:
            os._exit(0)
    os.close(writing)
    try:
        yield os.read(reading, 100).decode()
    finally:
        os.close(reading)
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
