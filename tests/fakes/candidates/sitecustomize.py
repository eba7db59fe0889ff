"""Candidates that do badly, for the child in which the brain tries models: with this folder in PYTHONPATH, a file's name says how.

Owns: crashing, hanging, leaking, rambling and dawdling, by the names `crashing.gguf` and so on.
Does not know: what the brain makes of it. Any other file is left to the real runtime, and any other process alone.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_KEPT: list[bytearray] = []


def _crash(_path: Path) -> None:
    os.abort()


def _hang(_path: Path) -> None:
    time.sleep(3600)


def _behave(kind: str, real: Any) -> Any:
    """The real runtime, with worse answers."""
    plain = real.submit

    class Answer:
        def __init__(self, answer: Any) -> None:
            self._answer = answer

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *reason: object) -> None:
            self._answer.close()

        def __iter__(self) -> Iterator[Any]:
            from dataclasses import replace

            for piece in self._answer:
                if kind == "dying":
                    os.kill(os.getpid(), 11)
                if kind == "leaking":
                    _KEPT.append(bytearray(os.urandom(1 << 20) * 40))
                if kind == "dawdling" and piece.finish:
                    time.sleep(6)
                yield (
                    replace(piece, text="#@!\x01\x02" if piece.text else "") if kind == "rambling" else piece
                )

    real.submit = lambda prompt, asker: Answer(plain(prompt, asker))
    return real


_AT_ONCE: dict[str, Callable[[Path], None]] = {"crashing": _crash, "hanging": _hang}
_LATER = {"dying", "leaking", "rambling", "dawdling"}

if any("agent.brain.trial_child" in word for word in sys.orig_argv):
    from agent.brain import gguf

    _real = gguf.Runtime

    def _runtime(path: Path, options: Any) -> Any:
        kind = path.stem
        if kind in _AT_ONCE:
            _AT_ONCE[kind](path)
        real = _real(path, options)
        return _behave(kind, real) if kind in _LATER else real

    gguf.Runtime = _runtime  # type: ignore[misc,assignment]
