"""Answers while they are being written: the pieces, for whoever looks on.

Owns: handing pieces from the thread that writes to those that watch, from the first piece on.
Does not know: what the pieces mean. Nothing here survives a restart; the fixed reply stands in the outbox.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_KEPT = 200  # finished streams that late watchers may still want


class Streams:
    """The answers being written now, by message id."""

    def __init__(self) -> None:
        self._attempts: dict[str, _Attempt] = {}
        self._finished: dict[str, None] = {}
        self._news = threading.Condition()

    def begin(self, message_id: str) -> None:
        """A new attempt: what was shown of an earlier one is taken back."""
        with self._news:
            earlier = self._attempts.get(message_id)
            self._attempts[message_id] = _Attempt(number=earlier.number + 1 if earlier else 0)
            self._finished.pop(message_id, None)
            self._news.notify_all()

    def piece(self, message_id: str, text: str) -> None:
        """Some more of the answer."""
        with self._news:
            self._attempts.setdefault(message_id, _Attempt(number=0)).pieces.append(text)
            self._news.notify_all()

    def finish(self, message_id: str) -> None:
        """The reply is fixed: watchers find it in the database."""
        with self._news:
            self._finished[message_id] = None
            while len(self._finished) > _KEPT:
                oldest = next(iter(self._finished))
                del self._finished[oldest]
                self._attempts.pop(oldest, None)
            self._news.notify_all()

    def watch(self, message_id: str, seconds: float) -> Iterator[dict[str, Any] | None]:
        """The pieces from the first on, as they come; None now and then, as a sign of life. Ends when the stream is finished.

        Args:
            message_id: Which answer.
            seconds: Longest silence before a sign of life.
        """
        number, seen = 0, 0
        while True:
            with self._news:
                attempt = self._attempts.get(message_id, _Attempt(number=number))
                if attempt.number == number and seen >= len(attempt.pieces):
                    if message_id in self._finished:
                        return
                    self._news.wait(seconds)
                    attempt = self._attempts.get(message_id, _Attempt(number=number))
                again = attempt.number != number and seen > 0
                if attempt.number != number:
                    number, seen = attempt.number, 0
                fresh = attempt.pieces[seen:]
                seen += len(fresh)
            if again:
                yield {"reset": True}
            if not fresh:
                yield None
            yield from ({"piece": text} for text in fresh)


@dataclass
class _Attempt:
    number: int
    pieces: list[str] = field(default_factory=list)
