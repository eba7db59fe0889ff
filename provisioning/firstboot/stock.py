"""The models that came with the image, put onto the shelf, so that the house answers without any internet.

Owns: a link to each file, and the record that it is whole.
Does not know: which model is used.

The files lie in the read-only system, which was checked as a whole when it was written; they are not read again here.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from agent import durable
from agent.models import catalogue
from agent.models.catalogue import File, Model
from agent.models.shelf import Shelf
from provisioning.box.places import Places, hand_to

_OWNER, _GROUP = "nisse-updates", "nisse-models"


def lay_out(places: Places) -> list[str]:
    """Links what is in the image and in the catalogue; the names of the models that are there now."""
    shelf = Shelf(places.home / "models")
    found = []
    for model in catalogue.load().models:
        folder = places.image_models / model.name
        if all(_is_complete(folder / file.name, file) for file in model.files):
            for file in model.files:
                _link(shelf, model, file, folder / file.name)
            found.append(model.name)
    _drop_dead_links(shelf.folder)
    return found


def _is_complete(path: Path, file: File) -> bool:
    return path.is_file() and path.stat().st_size == file.size


def _link(shelf: Shelf, model: Model, file: File, source: Path) -> None:
    place = shelf.path(model, file.name)
    if place.exists() and not place.is_symlink():
        return  # fetched by the house itself, and as good
    if not place.parent.is_dir():
        place.parent.mkdir(parents=True)
        place.parent.chmod(0o2770)
        hand_to(place.parent, _OWNER, _GROUP)
    if not place.is_symlink() or place.readlink() != source:
        fresh = place.with_name(f".{place.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(source)
        fresh.replace(place)
    facts = {"size": file.size, "mtime_ns": source.stat().st_mtime_ns, "sha256": file.sha256}
    record = place.with_name(f"{place.name}.verified")
    if not record.exists() or record.read_text(encoding="utf-8") != json.dumps(facts):
        durable.write(record, json.dumps(facts), mode=0o660)
        hand_to(record, _OWNER, _GROUP)


def _drop_dead_links(folder: Path) -> None:
    """What an earlier image brought and this one does not."""
    for link in folder.glob("*/*"):
        if link.is_symlink() and not link.exists():
            link.unlink()
            with contextlib.suppress(FileNotFoundError):
                link.with_name(f"{link.name}.verified").unlink()
