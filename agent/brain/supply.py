"""The chat models that the brain may choose from: what the catalogue says of each, corrected by the files that are here.

Owns: which of them are installed, and their own figures, read once.
Does not know: which one is the right one, or how one is loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from agent import logs, registry
from agent.brain.fit import Stock
from agent.errors import NisseError
from agent.models.catalogue import Catalogue, Model
from agent.models.shape import Shape
from agent.models.shelf import Shelf

_log = logging.getLogger(__name__)


class Supply:
    """The catalogue's chat models and the shelf."""

    def __init__(self, catalogue: Catalogue, shelf: Shelf) -> None:
        self.catalogue = catalogue
        self.shelf = shelf
        self._shapes: dict[str, Shape | None] = {}  # by name; None: the file does not tell

    def stock(self, deaths: Mapping[str, int]) -> Stock:
        """All of them.

        Args:
            deaths: How often each died of too little memory.
        """
        return self._stock(self.catalogue.of_role("chat"), deaths)

    def installed(self, deaths: Mapping[str, int]) -> Stock:
        """Those whose files are here and whole."""
        every = self.catalogue.of_role("chat")
        return self._stock(tuple(model for model in every if self.shelf.installed(model)), deaths)

    def adopt(self, model: Model) -> None:
        """Takes files that somebody put onto the shelf by hand for what they are."""
        try:
            self.shelf.adopt(model)
        except NisseError as failed:
            logs.event(_log, "model.not_adopted", level=logging.WARNING, model=model.name, error=failed)

    def suffix(self, model: Model) -> str:
        """What tells which runtime opens the model."""
        return self.shelf.path(model).suffix.lstrip(".").lower()

    def _stock(self, models: tuple[Model, ...], deaths: Mapping[str, int]) -> Stock:
        read = {model.name: self._shape(model) for model in models if self.shelf.installed(model)}
        shapes = {name: shape for name, shape in read.items() if shape is not None}
        return Stock(models=models, shapes=shapes, deaths=dict(deaths))

    def _shape(self, model: Model) -> Shape | None:
        if model.name not in self._shapes:
            try:
                runtime = registry.load("agent.brain", self.suffix(model))
                self._shapes[model.name] = runtime.shape(self.shelf.path(model))
            except (NisseError, ImportError, OSError, RuntimeError) as failed:
                # It will not load either, which is said then: the runtime or its library is missing, or the file is none of its kind.
                logs.event(_log, "model.shapeless", level=logging.WARNING, model=model.name, error=failed)
                self._shapes[model.name] = None
        return self._shapes[model.name]
