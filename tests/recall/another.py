"""A second embedder for tests: the house's own with a remark in its file, so that its hash and name are others and its vectors are not.

Owns: making it, and sets of models that name it.
Does not know: recall.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from pathlib import Path

from agent.models import catalogue
from agent.models.catalogue import Model
from agent.models.recorded import from_json, to_json
from agent.models.sets import ModelSet, Sets
from agent.models.shelf import Shelf

OWN = "all-minilm-l6-v2"
_REMARK = b"a second one"
_DOC_STRING = bytes([6 << 3 | 2, len(_REMARK)])  # ONNX is protobuf: ModelProto's field 6 is text for people


def own() -> Model:
    """The house's own embedder as sets name it."""
    return from_json(to_json(catalogue.load().find(OWN)))


def house_folder(models: Path, folder: Path) -> Path:
    """A folder of models that tests may write into, with the house's own embedder in it."""
    folder.mkdir()
    (folder / OWN).symlink_to(models / OWN)
    return folder


def shelved(models: Path, folder: Path, name: str = "another") -> Model:
    """Puts a second embedder onto the shelf.

    Args:
        models: Where the first one is.
        folder: The folder of models to put it into.
        name: What it is called.
    """
    place = folder / name
    place.mkdir()
    shutil.copy(models / OWN / "tokenizer.json", place)
    data = (models / OWN / "model.onnx").read_bytes() + _DOC_STRING + _REMARK
    (place / "model.onnx").write_bytes(data)
    first, *others = own().files
    made = dataclasses.replace(first, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    model = dataclasses.replace(own(), name=name, files=(made, *others))
    assert Shelf(folder).adopt(model)
    return model


def switch(folder: Path, *, to: Model, before: Model | None = None) -> None:
    """Puts a set in force that names this embedder."""
    sets = Sets(folder)
    numbers = {}
    for model in (before, to):
        if model:
            numbers[model.name] = sets.next_seq()
            sets.write(
                ModelSet(
                    seq=numbers[model.name],
                    origin="signed",
                    chat=None,
                    embed=model,
                    made="2026-11-21T00:00:00+00:00",
                    why="a test",
                )
            )
    sets.switch(numbers[to.name], numbers[before.name] if before else None)
