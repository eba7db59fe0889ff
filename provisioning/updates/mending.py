"""Putting right, at a start, what a power cut or a bad card has done to the sets: what serves must be there as a whole.

Owns: the order: the active set, its files given their place anew, else the set before.
Does not know: why a file is not there. A set that neither pointer names may never have proven itself, so it is not taken.
"""

from __future__ import annotations

import logging
from typing import Protocol

from agent import logs
from agent.errors import NisseError
from agent.models.catalogue import Model
from agent.models.sets import ModelSet, Sets
from agent.models.shelf import Shelf

_log = logging.getLogger(__name__)


class _Stages(Protocol):
    def stage(self, model: Model) -> None:
        """Gives a model whose files are blobs its place on the shelf."""


def mend(sets: Sets, shelf: Shelf, store: _Stages) -> None:
    """Sees to it that the active set is one that can serve, as far as there is one."""
    active, previous = sets.active(), sets.previous()
    if active and _whole(active, shelf, store):
        return
    if previous and previous != active and _whole(previous, shelf, store):
        logs.event(
            _log,
            "set.mended",
            level=logging.WARNING,
            damaged=active.seq if active else 0,
            serves=previous.seq,
        )
        try:
            sets.switch(previous.seq, None)
        except NisseError as failed:  # brain and recall look at the set before by themselves meanwhile
            logs.event(_log, "set.not_mended", level=logging.ERROR, why=failed)


def _whole(one: ModelSet, shelf: Shelf, store: _Stages) -> bool:
    return all(shelf.installed(model) or _staged(model, shelf, store) for model in one.models)


def _staged(model: Model, shelf: Shelf, store: _Stages) -> bool:
    try:
        store.stage(model)
    except NisseError as failed:
        logs.event(_log, "model.not_mended", level=logging.WARNING, model=model.name, why=failed)
        return shelf.adopt(model)  # its files may be right, and only the word on it lost
    return shelf.installed(model)
