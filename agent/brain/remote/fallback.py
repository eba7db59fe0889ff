"""A server first, and the model of this box for what the server does not answer.

Owns: when a question changes hands. It does only before the first piece of its answer: nobody can take back what was said.
Does not know: either of the two.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from agent import brain, logs
from agent.brain import Answer, Asker, Piece, Prompt, Queue, Request, Runtime
from agent.brain.remote.runtime import Remote
from agent.errors import ModelError, NisseError, UnavailableError

_log = logging.getLogger(__name__)

_LOOK_S = 0.25  # the contract's: so often a reader may look whether anybody still waits

Borrow = Callable[[], AbstractContextManager[Runtime]]


class WithFallback(brain.Runtime):
    """Both as one runtime."""

    def __init__(self, remote: Remote, local: Borrow) -> None:
        """Takes both as they are.

        Args:
            remote: Is asked first.
            local: Lends the model of this box for one answer; raises `ModelError` while there is none.
        """
        self._remote = remote
        self._local = local
        self.context = remote.context

    def prepare(self, request: Request) -> Prompt:
        """The request as whoever will answer it reads it. The server's has no tokens, a local one always some.

        Raises:
            RequestError: As either says.
        """
        try:
            return self._remote.prepare(request)
        except NisseError:
            with self._local() as runtime:
                return runtime.prepare(request)

    def submit(self, prompt: Prompt, asker: Asker) -> Answer:
        """Takes a place in the queue of whoever will answer.

        Raises:
            UnavailableError: Too many wait already, at both.
        """
        if prompt.tokens:
            return _Borrowed(self._local(), prompt.request, asker)

        def change(failed: NisseError) -> Answer:
            answer = _Borrowed(self._local(), prompt.request, asker)
            self._remote.fallbacks += 1
            logs.event(_log, "remote.replaced", why=failed.message)
            return answer

        try:
            return _Either(self._remote.submit(prompt, asker), change)
        except UnavailableError as full:
            return _instead(full, change)

    def queue(self) -> Queue:
        """How busy the server is with us."""
        return self._remote.queue()

    def info(self) -> dict[str, Any]:
        """What the server's runtime says; the local one speaks for itself."""
        return self._remote.info()

    def close(self) -> None:
        """Nothing: it owns neither."""


class _Borrowed(brain.Answer):
    """An answer of the local model, which is lent until it is closed."""

    def __init__(self, lent: AbstractContextManager[Runtime], request: Request, asker: Asker) -> None:
        self._lock = threading.Lock()
        with ExitStack() as held:
            runtime = held.enter_context(lent)
            self._answer = runtime.submit(runtime.prepare(request), asker)
            held.callback(self._answer.close)
            self._held = held.pop_all()

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._answer)

    def close(self) -> None:
        with self._lock:
            self._held.close()

    @property
    def seconds(self) -> float:
        return self._answer.seconds


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
            change = self._begin_to_replace(failed)
        else:
            return
        while not self._closed:
            try:
                change.result(timeout=_LOOK_S)
            except TimeoutError:
                yield Piece()
            else:
                break
        yield from self._answer

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._answer.close()

    @property
    def seconds(self) -> float:
        return self._answer.seconds

    def _begin_to_replace(self, failed: NisseError) -> Future[None]:
        """In a thread of its own: the other may have to wait for its model."""
        self._answer.close()
        change: Future[None] = Future()

        def replace() -> None:
            try:
                self._replace(_instead(failed, self._change))
            except BaseException as none:  # noqa: BLE001 - it is raised again by who waits for the answer
                change.set_exception(none)
            else:
                change.set_result(None)

        threading.Thread(target=replace, name="changing-over", daemon=True).start()
        return change

    def _replace(self, answer: Answer) -> None:
        with self._lock:
            self._answer = answer
            if self._closed:
                answer.close()


def _instead(failed: NisseError, change: Callable[[NisseError], Answer]) -> Answer:
    try:
        return change(failed)
    except ModelError as none:
        # There is no local model: what the server said is the better word.
        raise failed from none
