"""The chat models that the brain may choose from: what the catalogue and the sets in force say of each, corrected by the files here.

Owns: which of them are installed, their own figures, read once, and which of them the set in force names.
Does not know: which one is the right one where no set names it, how one is loaded, or who puts a set in force (updates does).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from agent import logs, registry
from agent.brain.fit import Stock
from agent.brain.fit.choosing import GIVEN_UP
from agent.errors import NisseError
from agent.models.catalogue import Catalogue, Model
from agent.models.sets import ModelSet, Sets
from agent.models.shape import Shape
from agent.models.shelf import Shelf

_log = logging.getLogger(__name__)


class Supply:
    """The catalogue's models, those of the sets, and the shelf."""

    def __init__(self, catalogue: Catalogue, shelf: Shelf, sets: Sets | None = None) -> None:
        """Looks at nothing yet.

        Args:
            catalogue: The house's own models.
            shelf: Where all of them lie.
            sets: Which may name others; None: nobody updates this house.
        """
        self._own = catalogue
        self.shelf = shelf
        self._sets = sets
        self._mark: object = None
        self._seen: tuple[ModelSet | None, ModelSet | None] = (None, None)  # in force, and the one before
        self._merged = catalogue
        self._shapes: dict[str, Shape | None] = {}  # by file; None: it does not tell

    @property
    def catalogue(self) -> Catalogue:
        """Every model that may be meant: the catalogue's, and those of the set in force and the one before."""
        self._look()
        return self._merged

    @property
    def in_force(self) -> ModelSet | None:
        """The set that names what serves; None where none does."""
        self._look()
        return self._seen[0]

    def named(self, deaths: Mapping[str, int]) -> str:
        """The chat model that the set in force names, or the set before it while that one's cannot be had; empty: none does.

        Args:
            deaths: How often each model failed.
        """
        self._look()
        chats = [self._known(one.chat) for one in self._seen if one and one.chat]
        for model in chats:
            if self.shelf.installed(model) and deaths.get(model.name, 0) < GIVEN_UP:
                return model.name
        return chats[0].name if chats else ""

    def in_sets(self) -> tuple[str, ...]:
        """The names of the models of the set in force and of the one before."""
        self._look()
        return tuple(model.name for one in self._seen if one for model in one.models)

    @property
    def embedder(self) -> Model | None:
        """The embedding model that the set in force names; None where none does."""
        one = self.in_force
        return self._known(one.embed) if one and one.embed else None

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

    def alone(self, model: Model) -> Stock:
        """This one, as if there were no other; its file is here."""
        return self._stock((model,), {})

    def adopt(self, model: Model) -> None:
        """Takes files that somebody put onto the shelf by hand for what they are."""
        try:
            self.shelf.adopt(model)
        except NisseError as failed:
            logs.event(_log, "model.not_adopted", level=logging.WARNING, model=model.name, error=failed)

    def suffix(self, model: Model) -> str:
        """What tells which runtime opens the model."""
        return self.shelf.path(model).suffix.lstrip(".").lower()

    def _look(self) -> None:
        """Reads the sets again if they have changed; else it costs two looks at links."""
        if self._sets is None or self._sets.mark() == self._mark:
            return
        mark = self._sets.mark()
        serving, previous = self._sets.serving(), self._sets.previous()
        self._seen = (serving, previous if previous != serving else None)
        self._merged = self._merge()
        self._mark = mark  # last: other threads look, too
        logs.event(_log, "set.seen", seq=serving.seq if serving else 0, why=serving.why if serving else "")

    def _merge(self) -> Catalogue:
        named = {model.name: model for one in reversed(self._seen) if one for model in one.models}
        known = {name: self._known(model) for name, model in named.items()}
        own = tuple(known.pop(model.name, model) for model in self._own.models)
        return Catalogue((*own, *known.values()))

    def _known(self, model: Model) -> Model:
        """The catalogue's own record of a model, which tells where it can be had, if that is the very same model."""
        for own in self._own.models:
            if own.name == model.name and _content(own) == _content(model):
                return own
        return model

    def _stock(self, models: tuple[Model, ...], deaths: Mapping[str, int]) -> Stock:
        read = {model.name: self._shape(model) for model in models if self.shelf.installed(model)}
        shapes = {name: shape for name, shape in read.items() if shape is not None}
        return Stock(models=models, shapes=shapes, deaths=dict(deaths))

    def _shape(self, model: Model) -> Shape | None:
        key = f"{model.name} {model.files[0].sha256}"
        if key not in self._shapes:
            try:
                runtime = registry.load("agent.brain", self.suffix(model))
                self._shapes[key] = runtime.shape(self.shelf.path(model))
            except (NisseError, ImportError, OSError, RuntimeError, AttributeError) as failed:
                # It will not load either, which is said then: the runtime or its library is missing, or the file is none of its kind.
                logs.event(_log, "model.shapeless", level=logging.WARNING, model=model.name, error=failed)
                self._shapes[key] = None
        return self._shapes[key]


def _content(model: Model) -> list[tuple[str, str]]:
    return [(file.name, file.sha256) for file in model.files]
