"""The server that the owner named, as a model that goes before this box's own.

Owns: when it goes before, and what people are told of it.
Does not know: how a server is asked (`remote`), nor how the box's own model is loaded (`loading`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agent.brain import Options, Runtime
from agent.brain.loading import Loaded, Loader
from agent.brain.remote import place
from agent.brain.remote.fallback import WithFallback
from agent.brain.remote.runtime import Remote
from agent.models.catalogue import Model
from agent.settings import Settings

_MOST_WAITING = 8  # each who waits or is answered holds one of the server's 32 threads


class Elsewhere:
    """A server that thinks for this house."""

    def __init__(self, remote: Remote, loader: Loader) -> None:
        """Has the loader's leases go to the server from now on, as long as it is well.

        Args:
            remote: Asks the server.
            loader: Has the model that stands in.
        """
        self._remote = remote
        self._loader = loader
        loader.prefer(self.loaded, *filter(None, [remote.model]))

    def loaded(self) -> Loaded | None:
        """The server's model; None while it is ill, or nobody knows its name."""
        if not self._remote.health.well or not self._remote.model:
            return None
        return Loaded(self._model(), WithFallback(self._remote, self._lend), aliases=self._names())

    def info(self) -> dict[str, Any]:
        """What people are told at `/info`."""
        facts, own = self._remote.info(), self._loader.own
        stands_in = f"{own.model.title} stands in if it does not." if own else self._loader.state
        if self.loaded():
            lately = f"It failed lately: {facts['why']} " if facts["why"] else ""
            state = f"{facts['model']} at {facts['server']} answers. {lately}{stands_in}"
        elif facts["well"]:
            state = f"I ask {facts['server']} which model it has. {self._loader.state}"
        else:
            state = f"{facts['server']} does not answer for us: {facts['why']} {self._loader.state}"
        return {"state": state, "remote": facts, "answers": "remote" if self.loaded() else "local"}

    def row(self) -> dict[str, Any] | None:
        """Its line among the models; None while it does not answer."""
        loaded = self.loaded()
        if loaded is None:
            return None
        facts = {
            "id": loaded.model.name,
            "object": "model",
            "created": 0,
            "owned_by": self._remote.info()["server"],
        }
        return facts | {"role": "chat", "context": loaded.model.context, "installed": False, "served": True}

    def close(self) -> None:
        """Asks no more."""
        self._remote.close()

    @contextmanager
    def _lend(self) -> Iterator[Runtime]:
        with self._loader.lease_own() as own:
            yield own.runtime

    def _names(self) -> tuple[str, ...]:
        """What people may call it beside its own name: whoever names our model gets the better one."""
        own, wanted = self._loader.own, self._loader.wanted
        return tuple({model.name for model in (own.model if own else None, wanted) if model})

    def _model(self) -> Model:
        name = self._remote.model
        return Model(
            name=name, role="chat", title=name, licence="", memory=0, context=self._remote.context, quantisation="",
            parameters=0, files=(),
        )  # fmt: skip


def for_house(settings: Settings, loader: Loader) -> Elsewhere | None:
    """The server that the settings name, if they name one.

    Raises:
        SettingsError: What they say of it cannot be right.
    """
    named = place.named(settings)
    if named is None:
        return None
    queue = min(settings.number("brain.queue"), _MOST_WAITING)
    return Elsewhere(Remote(named, Options(queue=queue)), loader)
