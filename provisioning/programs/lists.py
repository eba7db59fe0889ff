"""Was it signed? Root asks the publishers' lists itself, over a copy of what updates has fetched, from the keys in the system's root.

Owns: the copy, and that root never believes an older list than it has believed before.
Does not know: the rules of the lists (`provisioning/updates/metadata.py`), nor whether a program suits this box.
"""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from agent import durable
from provisioning.box.places import Places
from provisioning.programs import untrusted
from provisioning.updates import first_root
from provisioning.updates.metadata import Metadata
from provisioning.updates.programs.record import Program
from provisioning.updates.refusals import RefusedError

_MEMORY = "seen.json"  # root's own; what updates remembers is of no use to it
_COPY = "1"
_LARGEST_LIST = 2 << 20
_MOST_TOGETHER = 32 << 20
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_LIST = re.compile(r"[A-Za-z0-9.]{1,80}\.json")


def believed(
    places: Places, folder: Path, target: str, now: datetime, house: Path = first_root.HOUSE
) -> Program:
    """The program of that name, as its publishers have signed it.

    Args:
        places: Where the box's things lie.
        folder: Where updates keeps the lists that it believes.
        target: The program's path in the repository.
        now: The box's clock.
        house: Where the root holds the publishers' keys.

    Raises:
        RefusedError: It was not signed, or not by whom it must be, or the lists are no longer valid.
        RequestError: The lists are not where they should be.
        OSError: The disk does not take the copy.
    """
    kept = places.shared / "programs"
    _copy(places, folder, kept)
    found = Metadata(kept, first_root.read("", house), tuple, factory=first_root.factory("", house)).known()
    if found is None:
        raise RefusedError("malformed", "root does not believe the lists that updates has")
    if found.program_trouble:
        raise RefusedError(found.program_trouble, "the list of programs")
    moment = found.program_moment(now)
    if not moment.known:
        raise RefusedError("clock", f"it is {now.astimezone(UTC)}")
    if not moment.current:
        raise RefusedError("stale", f"it is {now.astimezone(UTC)}")
    program = next((each for each in found.programs if each.target == target), None)
    if program is None:
        raise RefusedError("not_delegated", target)
    return program


def _copy(places: Places, folder: Path, kept: Path) -> None:
    """What updates has, in a folder of root's; only plain files of a list's size, and not endlessly many."""
    kept.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in kept.iterdir():
        if path.name != _MEMORY:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    below = places.home / "models"
    top = untrusted.open_below(below, folder, folder=True)
    try:
        current = os.readlink("current", dir_fd=top)
    except OSError as missing:
        raise RefusedError("incomplete", "no list is believed") from missing
    finally:
        os.close(top)
    if not _NUMBER.fullmatch(current):
        raise RefusedError("malformed", "the list that is believed has no number")
    left = _MOST_TOGETHER
    for name, into in (
        (current, _COPY),
        (f"{current}/root_history", f"{_COPY}/root_history"),
        ("records", "records"),
    ):
        left = _copy_folder(below, folder / name, kept / into, left)
    durable.point(kept / "current", _COPY)


def _copy_folder(below: Path, source: Path, into: Path, left: int) -> int:
    """Copies the lists of one folder; returns how many bytes more may come."""
    descriptor = untrusted.open_below(below, source, folder=True)
    try:
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in untrusted.names(descriptor):
            data = (
                untrusted.read_small(descriptor, name, min(_LARGEST_LIST, left))
                if _LIST.fullmatch(name)
                else None
            )
            if data is not None:
                left -= len(data)
                (into / name).write_bytes(data)
    finally:
        os.close(descriptor)
    return left
