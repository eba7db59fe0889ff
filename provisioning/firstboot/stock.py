"""The models that came with the image, put onto the shelf, so that the house answers without any internet.

Owns: a link to each file, and the record that it is whole.
Does not know: which model is used.

Several of the house's processes write on the shelf, so each folder is opened without following links and held while root works in it,
and what is read must be a plain file.

The files lie in the read-only system, which was checked as a whole when it was written; they are not read again here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from agent import durable, logs, plain_file
from agent.errors import NisseError
from agent.models import catalogue
from agent.models.catalogue import File, Model
from provisioning.box.places import Places, hand_to
from provisioning.programs import untrusted

_log = logging.getLogger(__name__)
_OWNER, _GROUP = "nisse-updates", "nisse-models"
_SHELF = "models"  # in NISSE_HOME
_LARGEST_RECORD = 4096  # bytes


def lay_out(places: Places) -> list[str]:
    """Links what is in the image and in the catalogue; the names of the models that are there now."""
    (places.home / _SHELF).mkdir(parents=True, exist_ok=True)
    found = []
    for model in catalogue.load().models:
        folder = places.image_models / model.name
        if all(_is_complete(folder / file.name, file) for file in model.files):
            try:
                _lay(places, model, folder)
            except (NisseError, OSError) as failed:  # somebody made its place unfit; the others have theirs
                logs.event(_log, "stock.failed", level=logging.ERROR, model=model.name, why=failed)
            else:
                found.append(model.name)
    _drop_dead_links(places)
    return found


def _is_complete(path: Path, file: File) -> bool:
    return path.is_file() and path.stat().st_size == file.size


def _lay(places: Places, model: Model, source: Path) -> None:
    shelf = places.home / _SHELF
    with _held(places, shelf) as opened:
        is_new = not os.path.lexists(opened / model.name)
        if is_new:
            (opened / model.name).mkdir()
    with _held(places, shelf / model.name, is_new=is_new) as place:
        for file in model.files:
            _link(place / file.name, file, source / file.name)


@contextlib.contextmanager
def _held(places: Places, folder: Path, *, is_new: bool = False) -> Iterator[Path]:
    """A way to a folder that stays the same whatever somebody puts in the folder's place meanwhile.

    Raises:
        RequestError: It is no folder, or behind a link.
    """
    descriptor = untrusted.open_below(places.home, folder, folder=True)
    try:
        if is_new:
            hand_to(descriptor, _OWNER, _GROUP)
            os.fchmod(descriptor, 0o2770)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _link(place: Path, file: File, source: Path) -> None:
    if place.exists() and not place.is_symlink():
        return  # fetched by the house itself, and as good
    if not place.is_symlink() or place.readlink() != source:
        durable.point(place, str(source))
    record, facts = _record_of(place), json.dumps(_facts(source, file))
    try:
        is_known = plain_file.read(record, _LARGEST_RECORD) == facts.encode()
    except OSError:
        is_known = False
    if not is_known:
        durable.write(record, facts, mode=0o660, share=lambda descriptor: hand_to(descriptor, _OWNER, _GROUP))


def _facts(source: Path, file: File) -> dict[str, str | int]:
    return {"size": file.size, "mtime_ns": source.stat().st_mtime_ns, "sha256": file.sha256}


def _record_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.verified")


def _drop_dead_links(places: Places) -> None:
    """What an earlier image brought and this one does not."""
    shelf = places.home / _SHELF
    for folder in shelf.iterdir():
        if folder.is_dir() and not folder.is_symlink():
            with contextlib.suppress(NisseError), _held(places, folder) as place:
                for link in place.iterdir():
                    if link.is_symlink() and not link.exists():
                        link.unlink()
                        _record_of(link).unlink(missing_ok=True)
