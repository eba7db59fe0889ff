"""The runtime that asks a server: one thread with an event loop, in which every answer is a task.

Owns: the thread, the tasks, and when it is looked whether the server is there.
Does not know: HTTP (`server`), when a server counts as ill (`health`), nor who answers then (`fallback`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from typing import Any

from agent import brain, logs
from agent.brain import Asker, Options, Prompt, Queue, Request
from agent.brain.remote import asking
from agent.brain.remote.answer import RemoteAnswer
from agent.brain.remote.health import Health
from agent.brain.remote.place import Place
from agent.brain.remote.places import Places, Ticket
from agent.brain.remote.server import Server
from agent.errors import NisseError, RequestError, UnavailableError

_log = logging.getLogger(__name__)

_AT_ONCE = 16  # answers; servers that have many batch them, others queue them
_PATIENCE_S = 60.0  # without a byte: a server may first have to load its model
_IDLE_S = 60.0  # without an answer: then it is looked whether the server is there
_CONTEXT = 4096  # tokens, if neither the owner nor the server says


class Remote(brain.Runtime):
    """One server."""

    def __init__(self, place: Place, options: Options, *, patience: float = _PATIENCE_S) -> None:
        """Begins to look at the server; nobody waits for that.

        Args:
            place: Which server.
            options: How many may wait; the rest is the server's own business.
            patience: Seconds without a byte after which an answer counts as dead.
        """
        self.health = Health()
        self.context = place.context or _CONTEXT
        self.fallbacks = 0  # questions that went to somebody else in the end
        self._place = place
        self._server = Server(place, patience=patience)
        self._places = Places(_AT_ONCE, options.queue)
        self._first_word_s = 1.0  # of late
        self._busy_at = -_IDLE_S  # when it was asked or looked at last
        self._ended = False
        self._open: set[RemoteAnswer] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._living: asyncio.Task[Any] | None = None
        self._loop = asyncio.new_event_loop()
        self._news = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="remote", daemon=True)
        self._thread.start()

    @property
    def model(self) -> str:
        """The server's name for its model; empty while nobody knows it."""
        return self._server.model

    def prepare(self, request: Request) -> Prompt:
        """The request; its tokens are the server's business, and so is whether it fits.

        Raises:
            RequestError: OpenAI's interface has no words for it.
        """
        asking.body(request, self.model, extensions=True)
        return Prompt(request=request, tokens=())

    def submit(self, prompt: Prompt, asker: Asker) -> RemoteAnswer:
        """Takes a place in the queue.

        Raises:
            UnavailableError: Too many wait already, or this runtime is closed.
        """
        if self._ended:
            raise UnavailableError("The server is not asked any more.", hint="Ask again.", retry_after=5)
        return RemoteAnswer(
            lambda answer: self._enter(answer, asker, prompt.request),
            self._give_up,
            seconds=self.queue().seconds,
        )

    def queue(self) -> Queue:
        """How busy it is now, as far as this house uses it."""
        waiting = self._places.waiting
        return Queue(
            waiting=waiting,
            working=self._places.working,
            seconds=round(self._first_word_s * (1 + waiting / _AT_ONCE), 1),
        )

    def info(self) -> dict[str, Any]:
        """What it says of itself."""
        again = self.health.again_at
        return {
            "runtime": "remote",
            "server": self._place.url,
            "model": self.model,
            "well": self.health.well,
            "why": self.health.why,
            "failures": self.health.failures,
            "answers": self.health.answers,
            "fallbacks": self.fallbacks,
            "looks_again_in": None if again is None else max(0, round(again - time.monotonic())),
            "extensions": not self._server.plain,
        }

    def close(self) -> None:
        """Ends all answers and connections."""
        with contextlib.suppress(RuntimeError):  # it is closed already
            self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(timeout=10)
        for answer in tuple(self._open):
            answer.put(None)

    def _enter(self, answer: RemoteAnswer, asker: Asker, request: Request) -> Ticket:
        self._open.add(answer)  # before it enters: `close` may come at any moment, and must find it
        try:
            return self._places.enter(asker, lambda ticket: self._begin(answer, ticket, request))
        except UnavailableError:
            self._open.discard(answer)
            raise

    def _begin(self, answer: RemoteAnswer, ticket: Ticket, request: Request) -> None:
        answer.ticket = ticket

        def start() -> None:
            if self._ended:  # its place came free because all others were ended
                answer.put(None)
                return
            task = self._loop.create_task(self._answer(answer, ticket, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            answer.started(task)

        try:
            self._loop.call_soon_threadsafe(start)
        except RuntimeError:
            answer.put(None)  # closed meanwhile

    def _give_up(self, answer: RemoteAnswer) -> None:
        """Whoever waited for it has gone."""
        if answer.ticket:
            self._places.leave(answer.ticket)
        self._open.discard(answer)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(answer.cancel)

    def _run(self) -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._live())
        finally:
            self._loop.close()

    async def _live(self) -> None:
        self._living = asyncio.current_task()
        async with self._server:
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _stop(self) -> None:
        self._ended = True
        if self._living:  # it ends the answers; what the library began below them is the library's to end
            self._living.cancel()

    async def _watch(self) -> None:
        """Looks at the server at the start, now and then while nobody asks it, and when an illness may be over."""
        while (
            not self._ended
        ):  # wait_for may swallow that it is cancelled, where news come at the same moment
            again = self.health.again_at
            due = self._busy_at + _IDLE_S if again is None else again
            if time.monotonic() >= due:
                await self._look()
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), timeout=due - time.monotonic())
            self._news.clear()

    async def _look(self) -> None:
        try:
            await self._server.look()
        except NisseError as failed:
            self._note(failed)
        else:
            self.context = self._server.context or _CONTEXT
            if not self.health.well:
                logs.event(_log, "remote.well", server=self._place.url)
            self.health.looked_well()
        finally:
            self._busy_at = time.monotonic()

    async def _answer(self, answer: RemoteAnswer, ticket: Ticket, request: Request) -> None:
        begun, heard = time.monotonic(), False
        try:
            if not self.model:
                await self._server.look()
            async for piece in self._server.answer(request):
                if not heard:
                    heard = True
                    self._first_word_s += 0.2 * (time.monotonic() - begun - self._first_word_s)
                if piece.finish:  # who hears it may ask again at once, and finds everything in order
                    self.health.answered()
                    self._places.leave(ticket)
                answer.put(piece)
        except asyncio.CancelledError:
            answer.put(None)
        except RequestError as refused:
            answer.put(refused)
        except NisseError as failed:
            self._note(failed)
            answer.put(failed)
        finally:
            self._busy_at = time.monotonic()
            self._open.discard(answer)
            self._places.leave(ticket)

    def _note(self, failed: NisseError) -> None:
        self.health.failed(failed.message, time.monotonic(), pause=failed.retry_after)
        logs.event(_log, "remote.failed", level=logging.WARNING, server=self._place.url, why=failed.message)
        self._news.set()
