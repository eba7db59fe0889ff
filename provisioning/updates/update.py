"""The update under way, a step a round.

Owns: the order of writing down and doing, and heeding the owner between two steps.
Does not know: what a step does (`steps`), what follows it (`states`), what the owner may say when (`owner`), nor HTTP.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable

from agent import logs
from agent.errors import NisseError
from agent.models.sets import ModelSet
from provisioning.updates import owner, states
from provisioning.updates.looking import Looking
from provisioning.updates.mending import mend
from provisioning.updates.parts import Parts
from provisioning.updates.pausing import PausedError
from provisioning.updates.refusals import RefusedError
from provisioning.updates.rounds import SHORTEST_S, Rounds
from provisioning.updates.states import Event, Record, State
from provisioning.updates.steps import Next, Steps, read
from provisioning.updates.watching import Watching

_log = logging.getLogger(__name__)

_IDLE_S = 30.0
# What uses the line, or tries something: Nisse itself is not updated meanwhile, nor right after.
_IN_LANE = (State.RESERVED, State.DOWNLOADING, State.VERIFIED, State.STAGED, State.TRIAL)
_ON_TRIAL = (State.STAGED, State.TRIAL, State.ROLLBACK)
_FIRST_S = 600.0  # of a probation
# What says of a release that it is none for this box, ever; all else may be the line, the disk or the hour.
_FINAL = frozenset({"contradictory", "malformed", "not_a_model", "name_taken", "damaged"})


class Machine(Rounds):
    """The updates of one house."""

    def __init__(
        self, parts: Parts, *, boot: str, clock: Callable[[], float] = time.time, pause: float = SHORTEST_S
    ) -> None:
        """Goes on where the last process was; does nothing before `start`.

        Args:
            parts: What updates are made with.
            boot: This start of the machine.
            clock: Seconds since 1970.
            pause: Seconds until a step that does not go is tried again; it doubles.
        """
        super().__init__("update", idle=_IDLE_S, pause=pause)
        self.parts, self.clock, self._boot = parts, clock, boot
        self._steps = Steps(parts, progress=self._note, may_go_on=self._interrupted, clock=clock)
        self.watching = Watching(parts)
        self.looking = Looking(parts, clock)
        self._word: Event | None = None  # of the owner, not yet heeded
        self.record = Record(boot=boot)
        self.begun = False
        parts.lane.model_on_trial = self._on_trial

    def write(self, record: Record) -> None:
        """First it is written, then it is so. To be called with `news` held.

        Raises:
            StorageError: The disk does not take it; nothing has changed.
        """
        self.parts.book.write(record)
        if record.state != self.record.state:
            logs.event(_log, "update.step", state=record.state, seq=record.seq, reason=record.reason)
            self.progress = (0, 0)
        self.record = record
        self._got_on()

    def heed(self, word: Event | None = None) -> None:
        """The owner has said something: what waits goes on now. To be called with `news` held."""
        self._word = word or self._word
        self._hurry()

    def _round(self) -> float:
        """Takes one step, if it is time; seconds until the next."""
        if not self.begun:
            self._begin()
        record, word = self.record, self._heard()
        if word and word in states.TABLE[record.state]:
            self._after(record, Next(word, {"reason": "went_back"} if word == Event.BACK else {}))
            return 0
        if not record.busy:
            return self._look_around(record)
        if self.trouble.sentence and self._is_overtaken(record):
            self.parts.store.discard(read(record))
            self._after(record, Next(Event.DECLINED))
            return 0
        if self.trouble.rests_s > 0:
            return self.trouble.rests_s
        if not record.consent and record.state in owner.CAN_STOP:
            self._stopped_by_owner()
            return _IDLE_S
        return self._take(record)

    def _is_overtaken(self, record: Record) -> bool:
        """Whether what does not get on need not: its publisher has something newer by now, or has taken it back."""
        if record.state not in owner.CAN_STOP or record.origin != "signed":
            return False
        return self.looking.look(record).overtaken

    def _begin(self) -> None:
        """Puts right what was found damaged, and goes on where the last process was."""
        parts = self.parts
        parts.book.claim()
        mend(parts.sets, parts.shelf, parts.store)
        active, previous = parts.sets.active(), parts.sets.previous()
        found = states.recovered(
            parts.book.record(),
            torn=parts.book.torn,
            boot=self._boot,
            active=_seq(active),
            previous=_seq(previous),
        )
        if parts.book.record() != found and found != Record(boot=self._boot):
            self.write(found)
        self.record, self.begun = found, True
        logs.event(_log, "update.goes_on", state=found.state, seq=found.seq)

    def _look_around(self, record: Record) -> float:
        """While nothing is under way: what is there, and may it be installed."""
        found = self.looking.look(record)
        with self.news:
            if self.record != record:
                return 0  # the owner has said something meanwhile
            if found.withdrawn and not owner.why_not_back(self.record, self.parts):
                logs.event(_log, "update.withdrawn", reason=found.withdrawn)
                self.write(
                    owner.back_to_previous(self.record, self.parts, self.clock(), reason=found.withdrawn)
                )
                return 0
            if found.release and found.release.seq != record.seq:
                self.write(
                    states.begin(
                        record,
                        Event.FOUND,
                        release=found.release.to_bytes().decode(),
                        seq=found.release.seq,
                        since=self.clock(),
                    )
                )
            elif found.gone and record.state == State.OFFERED:
                self.write(states.after(record, Event.DECLINED))
            elif record.state == State.CHECKED:
                return self._take(record)
            elif record.state == State.OFFERED and (record.consent or found.by_itself):
                self.write(states.after(record, Event.CONSENTED, consent=True))
            else:
                return found.again_in
        return 0

    def _take(self, record: Record) -> float:
        try:
            if record.state == State.PROBATION:
                self._steps.switch(record)
                return self._watch(record)
            with self.parts.lane.for_model() if record.state in _IN_LANE else contextlib.nullcontext():
                came = self._steps.take(record)
        except PausedError as paused:
            self._wait_until_free(paused.message)
            return 0
        except RefusedError as refused:
            self._refused(refused)
            if refused.reason not in _FINAL:
                return self._postpone(refused.reason, str(refused))
            came = Next(Event.FAILED, {"reason": refused.reason, "sentence": refused.message})
        except NisseError as failed:
            return self._postpone(failed.key, str(failed))
        self._after(record, came)
        return 0

    def _watch(self, record: Record) -> float:
        came, pause = self.watching.look(record)
        if came:
            self._after(record, came)
        return pause

    def _after(self, record: Record, came: Next) -> None:
        with self.news:
            if self.record.state == record.state:
                changes = {**came.changes, "at": self.clock()}
                self.write(states.after(self.record, came.event, **changes))

    def _heard(self) -> Event | None:
        with self.news:
            word, self._word = self._word, None
            return word

    def _interrupted(self) -> str:
        if self._stopping:
            return "The house stops; it goes on at the next start."
        if self._word or (not self.record.consent and self.record.state in owner.CAN_STOP):
            return "You stopped it."
        return ""

    def _on_trial(self) -> str:
        """Why Nisse itself may not be tried now; empty: it may."""
        if not self.begun:
            return "Updates are just starting."
        record = self.record
        fresh = record.state == State.PROBATION and abs(self.clock() - record.watch.since) < _FIRST_S
        return "A new model is being tried; wait until it has." if fresh or record.state in _ON_TRIAL else ""


def _seq(one: ModelSet | None) -> int:
    return one.seq if one else 0
