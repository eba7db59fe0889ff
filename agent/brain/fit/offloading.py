"""How many of a model's layers a graphics card holds: as many whole ones as fit with all that belongs to them.

Owns: which cards count, the margin that stays free on each, and the number.
Does not know: which model is the right one.
"""

from __future__ import annotations

from agent.brain import Options
from agent.brain.fit import Accelerator, Box, Footprint
from agent.brain.fit.footprint import foretell
from agent.models.shape import Shape

_MARGIN = 0.04  # of a card's memory; fragments, and what the screen takes


def cards(box: Box) -> tuple[Accelerator, ...]:
    """Those that are used: the ones with memory of their own if there are any, else one that shares the box's."""
    usable = [card for card in box.accelerators if card.usable]
    own = tuple(card for card in usable if not card.shared)
    return own or tuple(usable[:1])


def room(box: Box) -> int:
    """MB on the cards with memory of their own."""
    own = [card for card in cards(box) if not card.shared]
    return sum(int((card.memory if card.free is None else card.free) - card.memory * _MARGIN) for card in own)


def place(shape: Shape, options: Options, box: Box, at_most: int) -> tuple[int, Footprint]:
    """How many layers go onto the cards, in llama.cpp's count, and what the model then takes.

    Args:
        shape: The model's figures.
        options: How it is loaded; `gpu_layers` is not looked at.
        box: The machine.
        at_most: The owner's limit; -1: none.
    """
    used = cards(box)
    every = shape.layers + 1
    most = every if at_most < 0 else min(at_most, every)
    if not used:
        return 0, foretell(shape, options)
    if used[0].shared:
        return most, foretell(shape, options, on_card=most, shared=True)
    free = room(box)
    for count in range(most, 0, -1):
        footprint = foretell(shape, options, on_card=count)
        if footprint.card <= free:
            return count, footprint
    return 0, foretell(shape, options)
