"""The memory that a model takes, foretold from its shape.

Owns: the formulas. Those for weights, cells and compute buffers equal what llama.cpp says in its log, to two megabytes (flash
attention on, one buffer of cells for all, as many logits as there are sequences); the others were measured.
Does not know: which model is the right one, nor how much memory there is.
"""

from __future__ import annotations

from agent.brain import Options
from agent.brain.fit import MEGABYTE, Footprint
from agent.models.shape import Shape

BITS = {"f16": 16.0, "q8_0": 8.5}  # of a number that is kept; q8_0 shares one scale among 32
PROGRAM = 65_000_000  # the interpreter, the server and the libraries, before a model is loaded
_WORD = 370  # bytes of one token of the vocabulary: its text, its merges, its place in two tables
_DRIVER = 350_000_000  # what a card's driver takes for itself
_FLOAT = 4
_HALF = 2


def foretell(shape: Shape, options: Options, *, on_card: int = 0, shared: bool = False) -> Footprint:
    """The memory that a model will take.

    Args:
        shape: Its figures.
        options: How it is loaded; without mapping the file.
        on_card: Layers on a graphics card, as llama.cpp counts: the output first, then the layers from the last on.
        shared: The card's memory is the box's own, so that all of it counts there.
    """
    layers = max(0, on_card - 1)
    cells, bits = max(options.cells, options.context), BITS[options.kv_type]
    on_layers = layers if options.offload_kqv else 0
    weights = shape.last(layers) + (shape.output_bytes or shape.input_bytes) if on_card else 0
    kept = weights if shape.output_bytes else shape.last(layers) if on_card else 0
    box = {
        "weights": shape.weights - kept,
        "cells": shape.cells(cells, shape.layers - on_layers, bits),
        "compute": _compute(shape, options, cells) + _logits(shape, options),
        "rest": PROGRAM + shape.vocabulary * _WORD,
        "passing": shape.cells(options.context, shape.layers, bits) if options.saved else 0,
    }
    card = {
        "weights": weights,
        "cells": shape.cells(cells, on_layers, bits),
        "compute": _compute(shape, options, cells) if on_card else 0,
        "rest": _DRIVER if on_card else 0,
    }
    if shared:
        box = {part: size + card.get(part, 0) for part, size in box.items()}
        card = dict.fromkeys(card, 0)
    return Footprint(
        **{part: _megabytes(size) for part, size in box.items()},
        **{f"card_{part}": _megabytes(size) for part, size in card.items()},
    )


def _compute(shape: Shape, options: Options, cells: int) -> int:
    """The largest intermediate results of one step: of the feed-forward part, or of the logits."""
    within = options.batch * (_FLOAT * (3 * shape.feed_forward + 4 * shape.embedding) + _HALF * cells)
    at_the_end = _logits(shape, options) + options.batch * 2 * _FLOAT * shape.embedding
    return max(within, at_the_end)


def _logits(shape: Shape, options: Options) -> int:
    return max(options.sequences, options.parallel) * shape.vocabulary * _FLOAT


def _megabytes(size: int) -> int:
    return -(-size // MEGABYTE)
