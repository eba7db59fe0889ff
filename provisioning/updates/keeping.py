"""What of the models may go when room is needed, and what must never go.

Owns: the choice. It takes away only what updates brought: files that are blobs. What the owner or the brain fetched stays, and so do
the active set, the one before, and whatever the caller names.
Does not know: when room is needed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent import durable, logs
from agent.models.blobs import Blobs
from agent.models.catalogue import Model
from agent.models.recorded import RESERVED
from agent.models.sets import Sets
from agent.models.shelf import Shelf, writing

_log = logging.getLogger(__name__)

_STALE_S = 3600.0  # what is on its way and was touched since belongs to somebody
_NOT_FILES = (".verified", ".lock", ".wish", ".failed")


def collect(shelf: Shelf, blobs: Blobs, sets: Sets, keep: Iterable[Model]) -> int:
    """Takes away the models that updates brought and nothing needs any more.

    Args:
        shelf: Where models lie.
        blobs: Their files.
        sets: Which serve.
        keep: Models that must stay beside those of the active set and the one before.

    Returns:
        The bytes that became free.

    Raises:
        StorageError: The disk does not take it.
    """
    needed = _needed(sets)
    if needed is None:
        logs.event(_log, "nothing.collected", level=logging.WARNING, why="a set of models is damaged")
        return 0
    kept = [*needed, *keep]
    names, hashes = {model.name for model in kept}, {file.sha256 for model in kept for file in model.files}
    freed = _arriving(blobs, hashes)
    for folder in _folders(shelf.folder):
        if folder.name not in names and _is_ours(folder, blobs, hashes):
            _remove_folder(folder, shelf)
    for sha256 in blobs.all():
        if sha256 not in hashes and blobs.names_of(sha256) == 1:
            freed += blobs.path(sha256).stat().st_size
            blobs.remove(sha256)
            logs.event(_log, "blob.removed", sha256=sha256)
    serving = {one.seq for one in (sets.active(), sets.previous()) if one}
    for old in sets.all():
        if old.seq not in serving:
            sets.remove(old.seq)
    return freed


def _needed(sets: Sets) -> list[Model] | None:
    """The models of the two sets; None where one of them cannot be read, so that nobody knows what it needs."""
    models: list[Model] = []
    for name, found in (("active", sets.active()), ("previous", sets.previous())):
        if found is None and (sets.folder / name).is_symlink():
            return None
        models += found.models if found else ()
    return models


def _arriving(blobs: Blobs, kept: set[str]) -> int:
    """Takes away what was on its way and nobody waits for; the bytes that became free."""
    freed = 0
    for sha256 in blobs.arriving():
        # A journal may have been left alone by a kill.
        files = [path for path in (blobs.part(sha256), blobs.journal(sha256)) if path.exists()]
        touched = max((path.stat().st_mtime for path in files), default=0.0)
        arrived = blobs.names_of(sha256) > 0 and not blobs.part(sha256).exists()  # killed right after that
        if not arrived and (sha256 in kept or time.time() - touched < _STALE_S):
            continue
        freed += sum(path.stat().st_blocks * 512 for path in files)
        with writing():
            for path in files:
                durable.remove(path)
    return freed


def _folders(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.is_dir() and not path.is_symlink() and path.name not in RESERVED:
                yield path


def _is_ours(folder: Path, blobs: Blobs, kept: set[str]) -> bool:
    """Whether all of a model's files are blobs, and one of them is needed no more."""
    by_inode = {blobs.path(sha256).stat().st_ino: sha256 for sha256 in blobs.all()}
    files = [path for path in folder.iterdir() if not path.name.endswith(_NOT_FILES)]
    hashes = [by_inode.get(path.lstat().st_ino) for path in files]
    return bool(files) and None not in hashes and any(sha256 not in kept for sha256 in hashes)


def _remove_folder(folder: Path, shelf: Shelf) -> None:
    logs.event(_log, "model.removed", model=folder.name)
    with writing():
        for path in sorted(folder.iterdir()):
            path.unlink()
        folder.rmdir()
        durable.sync_folder(shelf.folder)
