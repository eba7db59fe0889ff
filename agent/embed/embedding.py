"""The embedder in use: which file it is, loading it once it is there, and its errors in our words.

Owns: choosing the plug-in by the model file's suffix, and the name under which its vectors are kept.
Does not know: any runtime, nor where vectors are kept.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent import registry
from agent.embed import Embedder
from agent.errors import ModelError
from agent.models.catalogue import Model
from agent.models.shelf import Shelf

if TYPE_CHECKING:  # numpy is loaded with a model, not before
    import numpy as np
    from numpy.typing import NDArray

EMBEDDERS = "agent.embed"


class Embedding:
    """The catalogue's embedding model, loaded as soon as its files are on the shelf."""

    def __init__(self, shelf: Shelf, model: Model) -> None:
        """Remembers which model it is; nothing is loaded yet."""
        self._shelf = shelf
        self._model = model
        self._loaded: Embedder | None = None
        self._lock = threading.Lock()
        self.name = name_of(model)
        self.problem = ""  # why it does not load, in words for people

    @property
    def dimensions(self) -> int | None:
        """Length of its vectors; None while it is not loaded."""
        return self._loaded.dimensions if self._loaded else None

    def load(self) -> bool:
        """Loads the model if its files are there; True if it is ready."""
        with self._lock:
            if self._loaded is None and (
                self._shelf.installed(self._model) or self._shelf.adopt(self._model)
            ):
                try:
                    self._loaded = load(self._shelf.path(self._model))
                    self.problem = ""
                except ModelError as failed:
                    self.problem = str(failed)
            return self._loaded is not None

    def unload(self) -> None:
        """Gives the memory back; `load` brings the model again. Nobody may be embedding meanwhile."""
        with self._lock:
            self._loaded = None

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text, each of length 1. What a text has beyond the model's window does not count.

        Raises:
            ModelError: The model is not loaded, or fails at this.
        """
        with self._at_work() as embedder:
            return _checked(embedder.embed(texts), embedder, len(texts))

    def embed_whole(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """One row a text, each of length 1, long texts counted to their end; and how many tokens were read.

        Raises:
            ModelError: The model is not loaded, or fails at this.
        """
        with self._at_work() as embedder:
            vectors, tokens = embedder.embed_whole(texts)
            return _checked(vectors, embedder, len(texts)), tokens

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[Embedder]:
        embedder = self._loaded
        if embedder is None:
            raise ModelError("The embedding model is not there yet.")
        try:
            yield embedder
        except ModelError:
            raise
        except Exception as failed:
            raise ModelError(f"The embedding model failed: {failed}.") from failed


def name_of(model: Model) -> str:
    """The name under which a model's vectors are kept. Those of two builds of it do not compare, so the file is part of it."""
    return f"{model.name}@{model.files[0].sha256[:12]}"


def _checked(vectors: NDArray[np.float32], embedder: Embedder, rows: int) -> NDArray[np.float32]:
    import numpy as np  # noqa: PLC0415 - loaded with the model, not before

    if vectors.shape != (rows, embedder.dimensions) or not np.isfinite(vectors).all():
        raise ModelError("The embedding model gave no usable vectors.")
    return vectors


def load(file: Path) -> Embedder:
    """The embedder of a model's first file, by the plug-in for its suffix.

    Raises:
        ModelError: There is none for it, or it does not load.
    """
    for name in registry.names(EMBEDDERS):
        if registry.declared(EMBEDDERS, name, "SUFFIX") == file.suffix:
            try:
                embedder: Embedder = registry.load(EMBEDDERS, name).Embedder(file)
            except ImportError as missing:
                raise ModelError(
                    f"The library that runs {file.name} is missing: {missing.name}.",
                    hint="Install it: pip install 'nisse[recall]'.",
                ) from missing
            except Exception as failed:
                raise ModelError(
                    f"The embedding model {file.name} does not load: {failed}.",
                    hint="Fetch it again on the portal's page of models.",
                ) from failed
            return embedder
    raise ModelError(f"No embedder reads {file.suffix} files.", hint="Choose another recall.embedder.")
