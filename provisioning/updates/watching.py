"""Watching over a set on probation: looking at the brain every few seconds, asking the publisher's questions every hour.

Owns: when to look and ask, and how much of it is written down.
Does not know: the rules (`probation`), nor what follows (`states`).
"""

from __future__ import annotations

import dataclasses
import logging
import time

from agent import logs
from agent.errors import NisseError
from provisioning.updates import judging, probation, states
from provisioning.updates.parts import Parts
from provisioning.updates.probation import Seen
from provisioning.updates.refusals import SENTENCES
from provisioning.updates.release import Release
from provisioning.updates.states import Event, Record, Watch
from provisioning.updates.steps import Next, read

_log = logging.getLogger(__name__)

_OFTEN_S, _SELDOM_S = 1.0, 5.0
_FRESH_S = 180.0  # in which it is looked at often
_ASK_AGAIN_S = 60.0
_WRITE_S = 4 * 3600.0
_LOADS_WITHIN_S = 600.0  # a large model from a slow card
_WRITES_LEFT = 5  # of an update, for what follows


class Watching:
    """The watch over one set at a time."""

    def __init__(self, parts: Parts) -> None:
        """Watches over nothing yet."""
        self._parts = parts
        self._of = 0  # seq of the set
        self._watch = Watch()
        self._written = Watch()
        self._begun = self._last = self._served = self._wrote = self._ask_at = 0.0  # monotonic
        self._complaints = 0

    def complaint(self) -> None:
        """The owner says of an answer that it is bad."""
        self._complaints += 1

    def look(self, record: Record) -> tuple[Next | None, float]:
        """Looks once; what it came to, if to anything, and seconds until the next look."""
        now = time.monotonic()
        if record.new != self._of:
            self._begin(record, now)
        model, seen = self._model(record), self._parts.brain.seen()
        self._note(seen, model, now)
        self._ask(record, model, now)
        absent = now - self._served
        if seen and seen.loading:
            absent = max(0.0, absent - _LOADS_WITHIN_S)
        reason = probation.against(self._watch, seen, model, absent)
        if reason:
            changes = {"reason": reason, "sentence": SENTENCES[reason], "watch": self._watch}
            return Next(Event.FAILED, changes), 0.0
        if probation.proven(self._watch):
            return Next(Event.DONE, {"watch": self._watch}), 0.0
        pause = _OFTEN_S if now - self._begun < _FRESH_S else _SELDOM_S
        return self._write(record, now), pause

    @property
    def watch(self) -> Watch:
        """What was seen so far."""
        return self._watch

    def _begin(self, record: Record, now: float) -> None:
        self._of, self._watch, self._written = record.new, record.watch, record.watch
        self._begun = self._last = self._served = self._wrote = now
        self._ask_at = now + _ASK_AGAIN_S

    def _model(self, record: Record) -> str:
        """The chat model to watch over; empty where the owner's own word names another by now."""
        one = self._parts.sets.get(record.new)
        return one.chat.name if one and one.chat and not self._parts.wishes.chat else ""

    def _note(self, seen: Seen | None, model: str, now: float) -> None:
        if seen and (not model or probation.serves(seen, model)):
            self._served = now
            self._watch = probation.looked(self._watch, seen, model or seen.model, now - self._last)
        self._last = now
        if self._complaints:
            self._watch = dataclasses.replace(
                self._watch, complaints=self._watch.complaints + self._complaints
            )
            self._complaints = 0

    def _ask(self, record: Record, model: str, now: float) -> None:
        """Asks one of the publisher's questions, if it is time."""
        if now < self._ask_at or not model or not record.release:
            return
        self._ask_at = now + probation.PROBE_S
        found = read(record)
        if found.role == "chat" and found.probes:
            self._ask_one(found, now)

    def _ask_one(self, found: Release, now: float) -> None:
        probe = found.probes[int(self._watch.served // probation.PROBE_S) % len(found.probes)]
        try:
            right = judging.answers(probe, self._parts.brain.ask(probe.prompt, judging.PROBE_TOKENS))
        except NisseError as failed:  # whether it answers at all is seen elsewhere
            logs.event(_log, "probe.not_asked", why=failed)
            return
        failures = 0 if right else self._watch.failures + 1
        # Our own question is none of those by which it proves itself.
        self._watch = dataclasses.replace(self._watch, failures=failures, counted=self._watch.counted + 1)
        if not right:
            self._ask_at = now + _ASK_AGAIN_S

    def _write(self, record: Record, now: float) -> Next | None:
        """What happened against it is written down at once; how long it has served, now and then."""
        before, watch = self._written, self._watch
        counts = ("crashes", "failures", "complaints")
        worse = any(getattr(before, name) != getattr(watch, name) for name in counts)
        due = worse or now - self._wrote > _WRITE_S
        if not due or record.writes >= states.MOST_WRITES - _WRITES_LEFT:
            return None
        self._written, self._wrote = watch, now
        return Next(Event.AGAIN, {"watch": watch})
