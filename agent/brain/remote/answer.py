"""An answer on its way from a server: filled in the event loop's thread, read in another.

Owns: the hand-over between the two, and ending it from either side.
Does not know: HTTP.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterator

from agent import brain
from agent.brain import Piece
from agent.brain.remote.places import Ticket
from agent.errors import NisseError

_LOOK_S = 0.25  # the contract's: so often a reader may look whether anybody still waits


class RemoteAnswer(brain.Answer):
    """One answer."""

    def __init__(
        self,
        enter: Callable[[RemoteAnswer], Ticket],
        give_up: Callable[[RemoteAnswer], None],
        *,
        seconds: float,
    ) -> None:
        """Takes its place in the queue.

        Args:
            enter: Takes the place.
            give_up: Called once when nobody waits for it any more.
            seconds: Estimate until its first word.
        """
        self._pieces: queue.SimpleQueue[Piece | NisseError | None] = queue.SimpleQueue()
        self._give_up = give_up
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.ticket: Ticket | None = None
        self.ticket = enter(self)

    def __iter__(self) -> Iterator[Piece]:
        while not self._closed:
            try:
                piece = self._pieces.get(timeout=_LOOK_S)
            except queue.Empty:
                yield Piece()
                continue
            if piece is None:
                return
            if isinstance(piece, NisseError):
                raise piece
            yield piece
            if piece.finish:
                return

    def close(self) -> None:
        """Nobody waits for it any more: the connection to the server is closed, by which that sees it too."""
        if not self._closed:
            self._closed = True
            self._give_up(self)
            self._pieces.put(None)

    @property
    def seconds(self) -> float:
        """Estimate made when it was submitted."""
        return self._seconds

    def put(self, piece: Piece | NisseError | None) -> None:
        """What comes next; None: nothing more. Called in the event loop."""
        self._pieces.put(piece)

    def started(self, task: asyncio.Task[None]) -> None:
        """The task that brings it. Called in the event loop."""
        self._task = task
        if self._closed:
            task.cancel()

    def cancel(self) -> None:
        """Ends the task. Called in the event loop."""
        if self._task:
            self._task.cancel()
