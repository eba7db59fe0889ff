"""Which chat model this box should serve, and why. Pure.

Owns: the rule - the one that the owner named, else the largest that leaves the rest of the house its memory.
Does not know: which models are installed, nor how memory is measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.models.catalogue import Catalogue, Model

_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Choice:
    """A model, and a sentence that says why this one."""

    model: Model
    why: str


def choose(catalogue: Catalogue, *, memory: int, reserve: int, context: int, named: str = "") -> Choice:
    """The chat model to serve.

    Args:
        catalogue: All models; at least one of them can chat.
        memory: The box's, in MB.
        reserve: What must be left to the rest of the house, in MB.
        context: Longest prompt and answer together, in tokens; each costs memory.
        named: The owner's choice; empty: the largest that fits.

    Raises:
        NotFoundError: The catalogue has no chat model of the owner's name for it.
    """
    models = catalogue.of_role("chat")
    room = memory - reserve
    if named:
        model = Catalogue(models).find(named)
        if need(model, context) <= room:
            return Choice(model, "It was chosen in the settings.")
        return Choice(
            model,
            f"It was chosen in the settings, though it needs {need(model, context)} MB and this box has {room} to spare.",
        )
    for model in models:
        if need(model, context) <= room:
            return Choice(
                model,
                f"It is the largest that leaves {reserve} of this box's {memory} MB to the rest of the house.",
            )
    return Choice(
        models[-1],
        f"It is the smallest there is; no model leaves {reserve} of this box's {memory} MB to the rest.",
    )


def smaller(catalogue: Catalogue, model: Model) -> tuple[Model, ...]:
    """The chat models that need less than this one, the largest first."""
    return tuple(other for other in catalogue.of_role("chat") if other.memory < model.memory)


def need(model: Model, context: int) -> int:
    """MB that the model takes with a context of so many tokens."""
    return model.memory + min(context, model.context) * model.memory_per_token // _MEGABYTE
