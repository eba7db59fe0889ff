"""How fast this box reads and writes, learned while it works, and what follows: how much of a prompt fits into a step, and how
long somebody will wait. Pure.

Owns: the figures and the two rules.
Does not know: the library or the clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

_WEIGHT = 0.2  # of the newest figure
_ALONE_S = 2.5  # the longest step when nobody else is held up by it
_BESIDE_S = 0.5  # the longest step while other answers grow
_SMALLEST = 16  # tokens of a prompt in a step
_ENOUGH = 16  # tokens of a prompt from which a step tells the speed of reading


class Working(Protocol):
    """An answer that somebody waits for."""

    @property
    def left(self) -> int:
        """Tokens still to be read before the next one can be written."""

    @property
    def written(self) -> int:
        """Tokens of the answer so far."""

    @property
    def longest(self) -> int:
        """Tokens that the answer may have."""


class Pace:
    """The figures; the first ones are a guess for a small box."""

    def __init__(self) -> None:
        """Begins with the guess."""
        self.reading = 60.0  # tokens a second
        self.step = 0.1  # seconds of a step in which answers grow
        self.answer = 120.0  # tokens of an answer
        self._steps = 0

    def learn(self, *, read: int, written: int, seconds: float) -> None:
        """Takes in how long a step took.

        Args:
            read: Tokens of prompts in it.
            written: Answers that grew in it.
            seconds: How long it took.
        """
        if read >= _ENOUGH:
            speed = read / max(seconds - (self.step if written else 0.0), seconds / 4, 1e-6)
            # The first step of a process touches all of the model for the first time.
            weight = _WEIGHT if self._steps > 3 else 0.7
            self._steps += 1
            self.reading += weight * (speed - self.reading)
        elif written and read < written:
            self.step += _WEIGHT * (seconds - self.step)

    def ended(self, tokens: int) -> None:
        """Takes in how long an answer was."""
        self.answer += _WEIGHT * (tokens - self.answer)

    def bite(self, left: int, *, most: int, alone: bool) -> int:
        """How many tokens of a prompt go into the next step.

        Args:
            left: Tokens still to be read.
            most: Tokens that fit into the step.
            alone: Nobody else is held up by it.
        """
        room = min(most, max(_SMALLEST, int(self.reading * (_ALONE_S if alone else _BESIDE_S))))
        steps = -(-left // room)
        return -(-left // steps)  # equal parts, rather than a tail that costs a step of its own

    def wait(self, own: int, working: Iterable[Working], waiting: Iterable[Working], parallel: int) -> float:
        """Estimate of the seconds until somebody who came now reads a first word.

        Args:
            own: Tokens of the prompt to be read.
            working: Those that would be worked on beside it or before it.
            waiting: Those that wait and would go before it.
            parallel: How many are worked on at once.
        """
        busy, queued = list(working), list(waiting)
        seconds = (own + sum(each.left for each in busy if each.left > 1)) / self.reading
        missing = len(busy) + len(queued) + 1 - parallel  # how many must end first
        if missing > 0:
            rests = sorted(self._rest(each) for each in busy)
            rounds, place = divmod(missing - 1, max(1, len(rests)))
            seconds += rests[place] if rests else 0.0
            seconds += rounds * self.answer * self.step
            seconds += sum(each.left for each in queued) / self.reading
        return seconds

    def _rest(self, each: Working) -> float:
        expected = min(each.longest, max(self.answer, each.written * 1.25))
        return max(1.0, expected - each.written) * self.step
