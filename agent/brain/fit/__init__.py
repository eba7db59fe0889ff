"""What this box can carry: which model it should serve, how it is loaded, and why, in words for people. Pure.

    choosing.py    the rule: the largest model with a moderate context that leaves the rest of the house its memory
    footprint.py   the memory that a model takes, foretold from its shape
    offloading.py  how many of its layers a graphics card holds
    sentences.py   the choice, explained
    boards.py      boxes that we know, for tests and for the table of `nisse fit --table`

The nouns stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.brain import Options
from agent.models.catalogue import Model
from agent.models.shape import Shape

Kind = Literal["cuda", "vulkan", "metal", "tegra", "other"]

MEGABYTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """Something that computes beside the processor."""

    kind: Kind
    name: str
    memory: int  # MB
    free: int | None = None  # MB; None: not known
    shared: bool = False  # its memory is the box's own
    usable: bool = True  # the llama.cpp that is installed here can use it


@dataclass(frozen=True, kw_only=True)
class Box:
    """What a machine has to think with."""

    board: str
    memory: int  # MB, within what a container leaves of it
    cores: int  # physical ones that we may run on
    fast_cores: int  # those of them that are of the fastest kind
    flags: tuple[str, ...] = ()  # of the processor, as Linux names them
    accelerators: tuple[Accelerator, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the owner asks for."""

    named: str = ""  # the model; empty: the largest that fits
    by_update: bool = False  # the set in force names it, not the owner
    context: int = 4096  # tokens
    reserve: int = 800  # MB for the rest of the house
    threads: int = 0  # 0: one for each fast core
    parallel: int = 0  # answers that grow at once; 0: as many as suit the box
    gpu_layers: int = -1  # at most; -1: as many as fit
    queue: int = 24
    saved: Path | None = None
    saved_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Memory in MB, that of the box and that of a graphics card with memory of its own."""

    weights: int
    cells: int
    compute: int
    rest: int  # the program, and the vocabulary
    passing: int = 0  # for a moment, while a conversation is written to the disk
    card_weights: int = 0
    card_cells: int = 0
    card_compute: int = 0
    card_rest: int = 0

    @property
    def box(self) -> int:
        """What stays taken of the box's memory."""
        return self.weights + self.cells + self.compute + self.rest

    @property
    def card(self) -> int:
        """What is taken of the card's."""
        return self.card_weights + self.card_cells + self.card_compute + self.card_rest


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A model, how it is to be loaded, what it will take, and why."""

    model: Model
    shape: Shape
    options: Options
    footprint: Footprint
    fits: bool
    why: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Stock:
    """The models that may be chosen, the largest first, and how often each died of too little memory."""

    models: tuple[Model, ...]
    shapes: Mapping[str, Shape] = field(default_factory=dict)  # by name, as their own files have it
    deaths: Mapping[str, int] = field(default_factory=dict)  # by name

    def shape(self, model: Model) -> Shape | None:
        """The model's own figures, else the catalogue's."""
        return self.shapes.get(model.name, model.shape)
