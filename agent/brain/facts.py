"""What the brain says of models: in JSON, and in a sentence.

Owns: the form.
Does not know: which model is wanted, or why.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from agent.models.catalogue import Model
from agent.models.shelf import Shelf


def plain(record: Any) -> dict[str, Any]:
    """A record in JSON's types."""
    fields = dataclasses.asdict(record)
    return {
        key: value if isinstance(value, (str, int, float, bool, tuple, type(None))) else str(value)
        for key, value in fields.items()
    }


def described(model: Model, shelf: Shelf) -> dict[str, Any]:
    """A model that is wanted."""
    return {
        "name": model.name,
        "title": model.title,
        "filename": model.files[0].name,
        "size": model.size,
        "installed": shelf.installed(model),
    }


def awaiting(meanwhile: Model | None, wanted: Model) -> str:
    """The sentence on a model whose file is not here, and on the one that answers until it is."""
    awaited = f"I wait for the model {wanted.title} ({wanted.size // 1_000_000} MB), which is not here yet."
    return f"{meanwhile.title} answers meanwhile. {awaited}" if meanwhile else awaited
