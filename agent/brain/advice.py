"""`GET /fit`: what this box does, and what others that we know would do, as rows of a table.

Owns: the route and the form of a row.
Does not know: how the choice is made (`fit`).
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.typing import ResponseReturnValue

from agent.brain.fit import Plan, boards
from agent.brain.loading import Loader


def add_routes(app: Flask, loader: Loader) -> None:
    """Adds it.

    Args:
        app: The application.
        loader: Has the models and the owner's wishes, under which all boxes are looked at.
    """

    @app.get("/fit")
    def fit() -> ResponseReturnValue:
        here = loader.plan
        return {
            "here": _row("this box", here) if here else None,
            "known": [_row(box.board, loader.consider(box)) for box in boards.KNOWN],
        }


def _row(board: str, plan: Plan) -> dict[str, Any]:
    options, footprint = plan.options, plan.footprint
    return {
        "board": board,
        "model": plan.model.name,
        "title": plan.model.title,
        "quantisation": plan.model.quantisation,
        "context": options.context,
        "cells": options.cells,
        "kv_type": options.kv_type,
        "gpu_layers": plan.shape.layers + 1 if options.gpu_layers < 0 else options.gpu_layers,
        "layers": plan.shape.layers + 1,
        "threads": options.threads,
        "batch": options.batch,
        "parallel": options.parallel,
        "memory": footprint.box,
        "card_memory": footprint.card,
        "fits": plan.fits,
        "why": list(plan.why),
    }
