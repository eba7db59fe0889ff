"""Embedding: a text as a point in space, near to texts of like meaning. Part of the ground: recall searches by it, the brain serves it.

A kind of embedding model is a file here; adding one means adding the file and editing nothing (see `agent/registry.py`). It declares,
as a plain literal, the suffix of the model file that it runs, and it has one class:

    SUFFIX = ".onnx"

    class Embedder:
        def __init__(self, model_file: Path) -> None      further files of the model lie beside the first
        ...                                               and what the class below says

It may be called from several threads at once. What it raises is turned into `ModelError` by `embedding.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # numpy is loaded with a model, not before
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """One model at work."""

    dimensions: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, each of length 1. Of a long text only the beginning may count, as much as the model reads at once."""

    def embed_whole(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """The same with every word of each text counted, however long; and how many tokens that were."""
