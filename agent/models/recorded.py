"""A model as JSON: how signed releases and the sets of models that serve write one down.

Owns: the form, which is the catalogue's without sources, and its strict reading: it may come from a torn file or a stranger.
Does not know: who keeps such records, nor where the files come from.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from agent.errors import SettingsError
from agent.models import catalogue
from agent.models.catalogue import Model

_MOST_FILES = 16
_MOST_LAYERS = 1000
_LARGEST = 1 << 46  # of any number: 64 TiB
_LONGEST = 200  # of any text
_FILE = {"name", "size", "sha256"}
RESERVED = {"blobs", "incoming", "sets", "updates"}  # folders beside the models'


def to_json(model: Model) -> dict[str, Any]:
    """The record."""
    row = dataclasses.asdict(model)
    row["files"] = [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in model.files]
    if row["shape"] is None:
        del row["shape"]
    else:
        # Nothing and "the same as usual" are left out: the reading takes no zeros.
        row["shape"] = {
            key: list(value) if key == "by_layer" else value for key, value in row["shape"].items() if value
        }
    return row


def from_json(row: Any) -> Model:
    """The model that a record describes.

    Raises:
        SettingsError: It is no such record; the message says where.
    """
    _demand(isinstance(row, dict), "it is no table")
    files = row.get("files")
    _demand(isinstance(files, list) and len(files) <= _MOST_FILES, "its files are no short list")
    _demand(
        all(isinstance(file, dict) and set(file) == _FILE for file in files), "a file is no table of three"
    )
    _demand(row.get("name") not in RESERVED, f"no model may be called {row.get('name')}")
    shape = row.get("shape", {})
    _demand(isinstance(shape, dict), "its shape is no table")
    by_layer = shape.get("by_layer", [])
    _demand(isinstance(by_layer, list) and len(by_layer) <= _MOST_LAYERS, "its layers are no list")
    for table in (row, shape, *files):
        _check_sizes(table)
    for size in by_layer:
        _demand(type(size) is int and 0 <= size <= _LARGEST, f"a layer has {size!r} bytes")
    if by_layer:
        row = {**row, "shape": {**shape, "by_layer": tuple(by_layer)}}
    return catalogue.model(row, sources=False)


def _check_sizes(table: dict[str, Any]) -> None:
    for name, value in table.items():
        _demand(not isinstance(value, int) or value <= _LARGEST, f"{name} is too large")
        _demand(not isinstance(value, str) or len(value) <= _LONGEST, f"{name} is too long")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SettingsError(f"The record of a model is wrong: {otherwise}.")


def without_sources(model: Model) -> Model:
    """The same model as a record has it, to compare the two."""
    files = tuple(dataclasses.replace(file, sources=()) for file in model.files)
    return dataclasses.replace(model, files=files)
