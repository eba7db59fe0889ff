"""A scripted runtime that keeps the brain's contract, for what a real model does too seldom: break off, wait, or be full.

Owns: what it answers and how long it lets wait, as the test tells it.
Does not know: HTTP.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.brain import Answer, Asker, Piece, Prompt, Queue, Request, Runtime
from agent.errors import ModelError, NisseError, UnavailableError

Script = Callable[[Request], Iterator[Piece]]


class ScriptedAnswer(Answer):
    """Tells the script's pieces."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces = pieces
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Piece]:
        for piece in self._pieces:
            if self.closed.is_set():
                return
            yield piece

    def close(self) -> None:
        self.closed.set()

    @property
    def seconds(self) -> float:
        return 6.2


class ScriptedRuntime(Runtime):
    """Answers each request with what the script yields."""

    context = 4096

    def __init__(self, script: Script, *, places: int = 100) -> None:
        self.script = script
        self.places = places
        self.asked: list[tuple[Request, Asker]] = []
        self.answers: list[ScriptedAnswer] = []

    def prepare(self, request: Request) -> Prompt:
        return Prompt(request=request, tokens=(1, 2, 3))

    def submit(self, prompt: Prompt, asker: Asker) -> Answer:
        if len(self.answers) >= self.places:
            raise UnavailableError("Too many wait already.", retry_after=7)
        self.asked.append((prompt.request, asker))
        self.answers.append(ScriptedAnswer(self.script(prompt.request)))
        return self.answers[-1]

    def queue(self) -> Queue:
        return Queue(working=sum(not answer.closed.is_set() for answer in self.answers), seconds=6.2)

    def info(self) -> dict[str, Any]:
        return {"runtime": "scripted"}

    def close(self) -> None:
        for answer in self.answers:
            answer.close()


@dataclass
class _Loaded:
    model: Any
    runtime: Runtime
    aliases: tuple[str, ...] = ()


@dataclass
class ScriptedLoader:
    """Has the scripted runtime ready, or nothing."""

    model: Any
    runtime: Runtime | None
    leases: int = 0
    reloads: int = 0
    error: NisseError = field(default_factory=lambda: ModelError("It is being loaded.", retry_after=3))

    @contextlib.contextmanager
    def lease(self, patience: float = 30) -> Iterator[_Loaded]:  # noqa: ARG002 - the loader's own
        if self.runtime is None:
            raise self.error
        self.leases += 1
        try:
            yield _Loaded(self.model, self.runtime)
        finally:
            self.leases -= 1

    def reload(self) -> None:
        assert self.leases == 0
        self.reloads += 1
