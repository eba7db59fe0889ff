"""An embedder in a process of its own, for one that has not proven itself: if it runs wild or takes all memory, it dies alone.

Owns: the child, its limits, and the lines of JSON between the two.
Does not know: any embedder, nor what is embedded for what.

The parent writes `{"texts": [...]}` and reads `{"vectors": base64}`, a row of 32-bit numbers a text; the child's first line says how
long a row is. Whatever else comes of the child is an error, and so is too long a silence.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent.embed import embedding
from agent.errors import ModelError
from agent.recall.vectors import Vectors

_ROOT = Path(__file__).parents[2]
_LOAD_S = 120.0  # on a small board from a slow card
_ANSWER_S = 300.0  # for a batch
_GIGABYTE = 1 << 30
_MOST_DIMENSIONS = 16_384
_LONGEST_LINE = 64_000_000  # bytes of an answer
_LONGEST_WORD = 500  # characters of what the child says that is wrong


class Apart:
    """One embedder in a child process. Not safe to use from several threads at once."""

    def __init__(self, model_file: Path) -> None:
        """Starts the child and waits until it has loaded the model.

        Args:
            model_file: The model's first file.

        Raises:
            ModelError: It does not load; the message says why, as far as the child could.
        """
        argv = [sys.executable, "-P", "-m", __name__, str(model_file)]
        self._child = subprocess.Popen(  # noqa: S603 - our own module
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"},
        )
        try:
            self.dimensions = _dimensions(self._read(_LOAD_S))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, each of length 1.

        Raises:
            ModelError: The child died, was silent for too long, or gave something else.
        """
        assert self._child.stdin is not None  # noqa: S101 - it was asked for
        with contextlib.suppress(BrokenPipeError):  # it is dead, which the reading notices
            self._child.stdin.write(json.dumps({"texts": list(texts)}).encode() + b"\n")
            self._child.stdin.flush()
        return _vectors(self._read(_ANSWER_S), len(texts), self.dimensions)

    def close(self) -> None:
        """Ends the child."""
        self._child.kill()
        with contextlib.suppress(BrokenPipeError):
            self._child.communicate()

    def _read(self, patience: float) -> dict[str, Any]:
        assert self._child.stdout is not None  # noqa: S101 - it was asked for
        alarm = threading.Timer(patience, self._child.kill)
        alarm.start()
        try:
            answer = json.loads(self._child.stdout.readline(_LONGEST_LINE) or b"null")
        except ValueError:
            answer = None
        finally:
            alarm.cancel()
        if not isinstance(answer, dict):
            raise ModelError("The embedding model broke down at its work.", hint="Another one serves on.")
        if "error" in answer:
            raise ModelError(str(answer["error"])[:_LONGEST_WORD])
        return answer


def _dimensions(answer: dict[str, Any]) -> int:
    told = answer.get("dimensions")
    if type(told) is not int or not 1 <= told <= _MOST_DIMENSIONS:
        raise ModelError("The embedding model does not say how long its vectors are.")
    return told


def _vectors(answer: dict[str, Any], rows: int, dimensions: int) -> Vectors:
    import numpy as np  # noqa: PLC0415 - loaded with the model, not before

    try:
        numbers = np.frombuffer(base64.b64decode(answer["vectors"], validate=True), dtype="<f4")
        vectors = numbers.reshape(rows, dimensions).astype(np.float32)
    except (KeyError, TypeError, ValueError, binascii.Error) as wrong:
        raise ModelError("The embedding model gave no usable vectors.") from wrong
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(vectors).all() or not np.allclose(lengths, 1.0, atol=0.01):
        raise ModelError("The embedding model gave no usable vectors.")
    return vectors


def _child(model_file: Path) -> None:
    """The child's whole life: bind itself, load, answer line by line until nobody asks any more."""
    import numpy as np  # noqa: PLC0415 - likewise

    _bind(model_file.stat().st_size)
    try:
        embedder = embedding.load(model_file)
        _say({"dimensions": embedder.dimensions})
        for line in sys.stdin.buffer:
            rows = np.asarray(embedder.embed(json.loads(line)["texts"]), dtype="<f4")
            _say({"vectors": base64.b64encode(rows.tobytes()).decode("ascii")})
    except ModelError as failed:
        _say({"error": str(failed)})
    except Exception as failed:  # noqa: BLE001 - whatever it is, the parent is told
        _say({"error": f"The embedding model failed: {failed}."})


def _bind(size: int) -> None:
    most = 3 * _GIGABYTE + 4 * size  # of addresses; the kernel's own limits decide about memory
    for what, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, most),
    ):
        resource.setrlimit(what, (limit, limit))
    os.nice(10)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:  # noqa: PTH123
        score.write("1000")


def _say(body: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(body) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
