"""Answers while they are being written: the pieces, for whoever looks on.

Owns: handing pieces from the thread that writes to those that watch, from the first piece on.
Does not know: what the pieces mean. Nothing here survives a restart; the fixed reply stands in the outbox.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

_KEPT = 200  # finished streams that late watchers may still want


class Streams:
    """The answers being written now, by message id."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[dict[str, Any]]] = {}
        self._finished: dict[str, None] = {}
        self._news = threading.Condition()

    def begin(self, message_id: str) -> None:
        """A new attempt: what was shown of an earlier one is taken back."""
        with self._news:
            again = message_id in self._pieces
            self._pieces[message_id] = [*self._pieces.get(message_id, []), {"reset": True}] if again else []
            self._finished.pop(message_id, None)
            self._news.notify_all()

    def piece(self, message_id: str, text: str) -> None:
        """Some more of the answer."""
        with self._news:
            self._pieces.setdefault(message_id, []).append({"piece": text})
            self._news.notify_all()

    def finish(self, message_id: str) -> None:
        """The reply is fixed, or the message went back: watchers look into the database."""
        with self._news:
            self._finished[message_id] = None
            while len(self._finished) > _KEPT:
                oldest = next(iter(self._finished))
                del self._finished[oldest]
                self._pieces.pop(oldest, None)
            self._news.notify_all()

    def watch(self, message_id: str, seconds: float) -> Iterator[dict[str, Any] | None]:
        """The pieces from the first on, as they come; None now and then, as a sign of life. Ends when the stream is finished.

        Args:
            message_id: Which answer.
            seconds: Longest silence before a sign of life.
        """
        seen = 0
        while True:
            with self._news:
                if seen >= len(self._pieces.get(message_id, ())):
                    if message_id in self._finished:
                        return
                    self._news.wait(seconds)
                fresh = self._pieces.get(message_id, [])[seen:]
                seen += len(fresh)
            if not fresh:
                yield None
            yield from fresh
