"""A server first, and the local model for what it does not answer.

Owns: when a question changes hands. It does only before the first piece of its answer: nobody can take back what was said.
Does not know: either of the two.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from agent import brain, logs
from agent.brain import Answer, Asker, Piece, Prompt, Queue, Request, Runtime
from agent.brain.remote.runtime import Remote
from agent.errors import NisseError, UnavailableError

_log = logging.getLogger(__name__)


class WithFallback(brain.Runtime):
    """Both as one runtime. A prompt without tokens is the server's; the local model's always has some."""

    def __init__(self, remote: Remote, local: Runtime | None) -> None:
        """Takes both as they are.

        Args:
            remote: Asked first, while it is well.
            local: Asked else; None while there is no model yet.
        """
        self._remote = remote
        self._local = local
        self.context = remote.context if local is None or remote.health.well else local.context

    def prepare(self, request: Request) -> Prompt:
        """The request as whoever will answer it reads it.

        Raises:
            RequestError: As either says.
        """
        if self._local and not self._remote.health.well:
            return self._local.prepare(request)
        try:
            return self._remote.prepare(request)
        except NisseError:
            if self._local is None:
                raise
            return self._local.prepare(request)

    def submit(self, prompt: Prompt, asker: Asker) -> Answer:
        """Takes a place in the queue of whoever will answer.

        Raises:
            UnavailableError: Too many wait already, at both.
        """
        if prompt.tokens and self._local:
            return self._local.submit(prompt, asker)
        try:
            first: Answer = self._remote.submit(prompt, asker)
        except UnavailableError as full:
            if self._local is None:
                raise
            return self._changed(prompt, asker, full)
        return _Either(first, lambda failed: self._changed(prompt, asker, failed)) if self._local else first

    def queue(self) -> Queue:
        """How busy both are; the estimate is that of who is asked first."""
        remote = self._remote.queue()
        if self._local is None:
            return remote
        local = self._local.queue()
        return Queue(
            waiting=remote.waiting + local.waiting,
            working=remote.working + local.working,
            paused=remote.paused + local.paused,
            seconds=remote.seconds if self._remote.health.well else local.seconds,
        )

    def info(self) -> dict[str, Any]:
        """What both say."""
        return {"remote": self._remote.info(), "local": self._local.info() if self._local else None}

    def close(self) -> None:
        """Ends both."""
        self._remote.close()
        if self._local:
            self._local.close()

    def _changed(self, prompt: Prompt, asker: Asker, failed: NisseError) -> Answer:
        assert self._local is not None  # noqa: S101 - asked only then
        self._remote.fallbacks += 1
        logs.event(_log, "remote.replaced", why=failed.message)
        return self._local.submit(self._local.prepare(prompt.request), asker)


class _Either(brain.Answer):
    """An answer that another may replace before its first piece."""

    def __init__(self, first: Answer, change: Callable[[NisseError], Answer]) -> None:
        self._answer = first
        self._change = change
        self._closed = False
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Piece]:
        spoken = False
        try:
            for piece in self._answer:
                spoken = spoken or bool(piece.text or piece.tokens or piece.finish)
                yield piece
        except NisseError as failed:
            if spoken:
                raise
            self._replace(failed)
        else:
            return
        yield from self._answer

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._answer.close()

    @property
    def seconds(self) -> float:
        return self._answer.seconds

    def _replace(self, failed: NisseError) -> None:
        self._answer.close()
        answer = self._change(failed)
        with self._lock:
            self._answer = answer
            if self._closed:
                answer.close()
