"""One thread that goes round, a step at a time, until the house stops.

Owns: the thread, trying again with growing pauses, and why it does not get on.
Does not know: what a round does, nor what is updated.
"""

from __future__ import annotations

import dataclasses
import logging
import random
import threading
import time
from abc import ABC, abstractmethod

from agent import logs
from agent.errors import NisseError
from provisioning.updates.refusals import RefusedError

_log = logging.getLogger(__name__)

SHORTEST_S = 5.0  # between tries of a step that does not go
_LONGEST_S = 3600.0
_LONGEST_DOUBLED = 10
_JOIN_S = 5.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why a step does not go on, and when it is tried again."""

    reason: str = ""
    sentence: str = ""
    again_at: float = 0.0  # monotonic

    @property
    def rests_s(self) -> float:
        """Seconds until it is tried again; 0 or less: it is time."""
        return self.again_at - time.monotonic()


class Rounds(ABC):
    """A thread that takes steps; who follows it waits on `news`."""

    def __init__(self, name: str, *, idle: float, pause: float) -> None:
        """Does nothing before `start`.

        Args:
            name: Of the thread, and of its lines in the log.
            idle: Seconds after which it looks around again, whatever a round said.
            pause: Seconds until a step that does not go is tried again; it doubles.
        """
        self._name, self._idle, self._pause = name, idle, pause
        self.news = threading.Condition()
        self.trouble = Trouble()
        self.progress: tuple[int, int] = (0, 0)  # of the step under way: done, total
        self._failures = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Stops; what was done stays, and the next process goes on."""
        with self.news:
            self._stopping = True
            self.news.notify_all()
        if self._thread.ident:
            self._thread.join(timeout=_JOIN_S)

    @abstractmethod
    def _round(self) -> float:
        """Takes one step, if it is time.

        Returns:
            Seconds until the next, at the most.
        """

    def _run(self) -> None:
        while not self._stopping:
            try:
                pause = min(self._idle, self._round())
            except NisseError as failed:  # mostly the disk, which did not take the word on the next step
                pause = self._postpone(failed.key, str(failed))
            except Exception as broken:  # noqa: BLE001 - without this thread there would be no updates until the next start
                _log.error(f"{self._name}.broke", exc_info=broken)
                pause = self._postpone("", f"Something unforeseen happened: {broken}.")
            with self.news:
                if not self._stopping and pause > 0:
                    self.news.wait(pause)

    def _got_on(self) -> None:
        self._failures, self.trouble = 0, Trouble()

    def _hurry(self) -> None:
        """What waits goes on now. To be called with `news` held."""
        self._failures, self.trouble = 0, dataclasses.replace(self.trouble, again_at=0.0)
        self.news.notify_all()

    def _wait_until_free(self, why: str) -> None:
        """Something else goes first; that is no failure."""
        self.trouble = Trouble(reason="paused", sentence=why, again_at=time.monotonic() + self._pause)

    def _stopped_by_owner(self) -> None:
        self.trouble = Trouble(reason="stopped", sentence="You stopped it; it goes on when you say so.")

    def _postpone(self, reason: str, sentence: str) -> float:
        """It failed; seconds until it is tried again."""
        doubled = self._pause * 2.0 ** min(self._failures, _LONGEST_DOUBLED)
        pause = min(_LONGEST_S, doubled) * random.uniform(0.8, 1.2)  # noqa: S311 - so that boxes do not ask all at once
        self._failures += 1
        if sentence != self.trouble.sentence:
            logs.event(
                _log,
                f"{self._name}.waits",
                level=logging.WARNING,
                reason=reason,
                why=sentence,
                seconds=round(pause),
            )
        self.trouble = Trouble(reason=reason, sentence=sentence, again_at=time.monotonic() + pause)
        return pause

    def _refused(self, refused: RefusedError) -> None:
        logs.event(
            _log,
            f"{self._name}.refused",
            level=logging.WARNING,
            reason=refused.reason,
            detail=refused.detail,
        )

    def _note(self, done: int, total: int) -> None:
        self.progress = (done, total)
