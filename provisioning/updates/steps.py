"""What is done in each state of an update. Each step may be done twice: whoever was killed in its midst begins it again.

Owns: the steps.
Does not know: when they are taken and what the owner says meanwhile (`update`), what follows (`states`), nor how anything is measured.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent import logs
from agent.errors import ConflictError, ModelError, UnreachableError
from agent.models.catalogue import Model
from agent.models.recorded import without_sources
from agent.models.sets import ModelSet
from provisioning.updates import probation, release
from provisioning.updates.bad import Entry
from provisioning.updates.book import Ended, Letter
from provisioning.updates.judging import Verdict
from provisioning.updates.parts import MayGoOn, Parts, Progress
from provisioning.updates.pausing import PausedError
from provisioning.updates.proving import prove
from provisioning.updates.refusals import SENTENCES, RefusedError
from provisioning.updates.release import Release
from provisioning.updates.states import MOST_TRIALS, Event, Record, State

_log = logging.getLogger(__name__)

_SERVES_AGAIN_S = 60.0  # that the old model has to answer again
_LOOK_S = 1.0
_NOT_ITS_FAULT = {"damaged", "lost_on_disk"}  # by this box's disk: another time it may do well
_MOST_RESTORED_S = 3600.0 * 48  # of making an index


@dataclass(frozen=True)
class Next:
    """What a step came to."""

    event: Event
    changes: dict[str, Any] = dataclasses.field(default_factory=dict)


class Steps:
    """The steps of one house."""

    def __init__(
        self, parts: Parts, *, progress: Progress, may_go_on: MayGoOn, clock: Callable[[], float] = time.time
    ) -> None:
        """Takes none yet.

        Args:
            parts: What they are made with.
            progress: Told how far the present one is.
            may_go_on: Why the present one may not go on; asked every second.
            clock: Seconds since 1970.
        """
        self._parts, self._progress, self._may_go_on, self._clock = parts, progress, may_go_on, clock

    def take(self, record: Record) -> Next:
        """Takes the step of a state.

        Raises:
            RefusedError: The update is refused.
            PausedError: It may not go on now.
            NisseError: It does not go now; later it may.
        """
        steps: dict[State, Callable[[Record, Release], Next]] = {
            State.CHECKED: self._check,
            State.RESERVED: self._reserve,
            State.DOWNLOADING: self._download,
            State.VERIFIED: self._verify,
            State.STAGED: self._stage,
            State.TRIAL: self._try,
        }
        if record.state in steps:
            return steps[record.state](record, read(record))
        return {
            State.COMMITTED: self._commit,
            State.GC: self._collect,
            State.ROLLBACK: self._roll_back,
            State.REPORTED: self._report,
        }[record.state](record)

    def _check(self, _record: Record, _release: Release) -> Next:
        return Next(Event.SUITS)

    def _reserve(self, _record: Record, found: Release) -> Next:
        self._parts.store.reserve(found)
        return Next(Event.DONE)

    def _download(self, _record: Record, found: Release) -> Next:
        self._parts.store.download(found, self._progress, lambda: self._may_go_on() or self._parts.line())
        return Next(Event.DONE)

    def _verify(self, _record: Record, found: Release) -> Next:
        self._parts.store.verify(found, self._may_go_on)
        return Next(Event.DONE)

    def _stage(self, record: Record, found: Release) -> Next:
        """Gives the candidate its place, and writes down the set that it would be part of."""
        try:
            self._parts.store.stage(found.model)
        except ModelError as lost:  # it was here, and right, when it was checked
            raise RefusedError("damaged", lost.message) from lost
        old = self.present()
        previous = self._parts.sets.previous()
        new = _with(old, found, record.origin, self._parts.sets.next_seq())
        self._parts.sets.write(new)
        before = previous.seq if previous and previous.seq != old.seq else 0
        return Next(Event.DONE, {"old": old.seq, "new": new.seq, "before": before, "attempts": 1})

    def present(self) -> ModelSet:
        """The set that serves; the first is made of what the house chose by itself.

        Raises:
            ConflictError: It is not known yet what serves.
        """
        sets = self._parts.sets
        found = sets.serving()
        if found is None:
            found = self._own_choice()
            sets.write(found)
            sets.switch(found.seq, None)
        return found

    def _own_choice(self) -> ModelSet:
        seen = self._parts.brain.seen()
        if seen is None or not seen.wanted:
            raise ConflictError("The brain has not said yet which model it uses.", retry_after=10)
        known = {model.name: model for model in self._parts.catalogue.models}
        # A better one may still be on its way, while a smaller one answers: what is here is what can be gone back to.
        names = (seen.wanted, seen.model, *(model.name for model in self._parts.catalogue.of_role("chat")))
        chat = next((known[name] for name in names if name in known and self._installed(known[name])), None)
        if chat is None:
            raise ConflictError("The model of this house is not here yet.", retry_after=60)
        return ModelSet(
            seq=self._parts.sets.next_seq(),
            origin="house",
            chat=without_sources(chat),
            embed=without_sources(self._parts.embedder) if self._parts.embedder else None,
            made=_iso(self._clock()),
            why="This house chose it by itself.",
        )

    def _try(self, record: Record, found: Release) -> Next:
        if not self._installed(found.model):
            raise RefusedError("damaged", found.model.name)
        old = self._parts.sets.get(record.old)
        present = (old.chat if found.role == "chat" else old.embed) if old else None
        if present and not self._installed(present):
            present = None
        if self._parts.brain.seen() is None:
            raise UnreachableError("The brain does not answer yet.", retry_after=10)
        try:
            verdict = prove(
                self._parts.brain, found, self._parts.questions(), present, signed=record.origin == "signed"
            )
        except UnreachableError:  # it was there, and is not any more: the candidate may have taken it along
            if record.attempts >= MOST_TRIALS:
                return Next(Event.FAILED, {"reason": "interrupted"})
            return Next(Event.AGAIN, {"attempts": record.attempts + 1})
        if verdict.good and found.role == "embed":
            verdict = self._index(found.model)
        if not verdict.good:
            return Next(Event.FAILED, {"reason": verdict.reason, "sentence": verdict.sentence})
        chat = found.model.name if found.role == "chat" else old.chat.name if old and old.chat else ""
        watch = probation.begun(self._parts.brain.seen(), chat, self._clock())
        return Next(Event.DONE, {"watch": watch, "reboots": 0})

    def _index(self, model: Model) -> Verdict:
        """Has the house's documents made ready for another embedder, beside the index in use."""
        begun = time.monotonic()
        while True:
            state, done, total = self._parts.recall.prepare(model)
            self._progress(done, total)
            if state == "ready":
                return Verdict()
            if state.startswith("failed"):
                return Verdict(reason="no_index", sentence=f"{SENTENCES['no_index']} {state[8:]}".strip())
            why = self._may_go_on()
            if why:
                raise PausedError(why)
            if time.monotonic() - begun > _MOST_RESTORED_S:
                return Verdict(reason="no_index", sentence=SENTENCES["no_index"])
            time.sleep(_LOOK_S)

    def switch(self, record: Record) -> None:
        """Puts the set on probation in force, if it is not yet.

        Raises:
            RefusedError: `damaged`: one of its files is not what it was.
        """
        sets = self._parts.sets
        new, active = sets.get(record.new), sets.active()
        if new is None or not all(self._installed(model) for model in new.models):
            raise RefusedError("damaged", f"set {record.new}")
        if sets.get(record.old) is None:  # there would be no way back
            raise RefusedError("damaged", f"set {record.old}")
        if active is None or active.seq != record.new:
            sets.switch(record.new, record.old)
            logs.event(_log, "set.switched", seq=record.new, before=record.old)

    def _commit(self, record: Record) -> Next:
        if record.release:  # else it was lost, and only the set is known
            self._parts.book.ended(_ended(record, "committed", self._clock()))
        return Next(Event.DONE)

    def _collect(self, _record: Record) -> Next:
        self.tidy()
        return Next(Event.DONE)

    def tidy(self) -> None:
        """Takes away what neither the set in force nor the one before needs."""
        sets = self._parts.sets
        kept = [one for one in (sets.active(), sets.previous()) if one]
        if not kept:
            return
        self._parts.store.collect([model for one in kept for model in one.models])
        for one in sets.all():
            if one not in kept:
                sets.remove(one.seq)

    def _roll_back(self, record: Record) -> Next:
        """Puts the old set in force, if it is not; remembers what was bad."""
        sets = self._parts.sets
        active, old = sets.active(), sets.get(record.old)
        went_back = record.reason == "went_back"
        if old is None and active and active.seq == record.new:
            old = (
                self._own_choice()
            )  # the old one is damaged; anything that this house chose is better than what was found bad
            sets.write(old)
        if old and (active is None or active.seq != old.seq):
            # Who went back of his own will may go forward again; what was found bad is nowhere to go to.
            sets.switch(old.seq, record.new if went_back else record.before or None)
            logs.event(_log, "set.switched_back", seq=old.seq, why=record.reason)
            self._wait_for(old)
        new = sets.get(record.new)
        if record.release:
            found = read(record)
            if record.reason not in _NOT_ITS_FAULT:
                self._parts.bad.add(entry(record, found.model, found.version, record.reason, self._clock()))
            if not went_back and found.role == "embed":
                self._parts.recall.drop(found.model)
        elif old and new:  # it was committed long ago
            for model in set(new.models) - set(old.models):
                self._parts.bad.add(entry(record, model, "", record.reason, self._clock()))
        return Next(Event.DONE)

    def _wait_for(self, old: ModelSet) -> None:
        """Gives the old model the time to answer again; if it does not, what comes next is done all the same."""
        end = time.monotonic() + _SERVES_AGAIN_S
        while old.chat and time.monotonic() < end:
            seen = self._parts.brain.seen()
            if seen and probation.serves(seen, old.chat.name):
                return
            if self._may_go_on():
                return  # the house stops
            time.sleep(_LOOK_S)
        logs.event(_log, "set.not_seen_serving", level=logging.WARNING, seq=old.seq)

    def _report(self, record: Record) -> Next:
        """Writes down how it went, and what the owner is to hear."""
        went_back = record.reason == "went_back"
        how = _ended(record, "went_back" if went_back else "rolled_back", self._clock())
        self._parts.book.ended(how)
        if not went_back:
            self._parts.book.tell(_letter(record, how))
        if record.release:
            self._parts.store.discard(read(record))
        self.tidy()
        return Next(Event.DONE)

    def _installed(self, model: Model) -> bool:
        return self._parts.shelf.installed(model)


def read(record: Record) -> Release:
    """The release of a record.

    Raises:
        RefusedError: `malformed`: there is none.
    """
    return release.read(record.release.encode())


def entry(record: Record, model: Model, version: str, reason: str, now: float) -> Entry:
    """What is remembered of a model that is not to be tried again by itself."""
    return Entry(
        sha256=model.files[0].sha256,
        seq=record.seq,
        title=model.title,
        version=version,
        reason=reason,
        sentence=record.sentence if record.reason == reason and record.sentence else SENTENCES[reason],
        at=now,
    )


def sentence(record: Record) -> str:
    """Why an update failed, for people."""
    return record.sentence or SENTENCES.get(record.reason, "The update failed.")


def _with(old: ModelSet, found: Release, origin: str, seq: int) -> ModelSet:
    model = without_sources(found.model)
    return ModelSet(
        seq=seq,
        origin=origin,
        chat=model if found.role == "chat" else old.chat,
        embed=model if found.role == "embed" else old.embed,
        made=_iso(time.time()),
        why=f"{found.model.title} {found.version} came as an update.",
        releases={**old.releases, found.role: found.seq} if origin == "signed" else _without(old, found.role),
    )


def _without(old: ModelSet, role: str) -> dict[str, int]:
    return {name: seq for name, seq in old.releases.items() if name != role}


def _ended(record: Record, outcome: str, now: float) -> Ended:
    found = read(record) if record.release else None
    return Ended(
        when=now,
        outcome=outcome,
        seq=record.seq,
        title=found.model.title if found else "",
        version=found.version if found else "",
        reason=record.reason,
        sentence=sentence(record) if record.reason else "",
    )


def _letter(record: Record, how: Ended) -> Letter:
    title = f"{how.title} {how.version}".strip() or "The update"
    text = (
        f"{title} was not kept as this house's model. {how.sentence}\n\n"
        "The model before answers as it did; nothing was lost, and there is nothing that you must do. "
        "It is not tried again by itself. The page Updates says more."
    )
    key = f"update-{record.seq}-{record.new}-{record.reason}".replace("_", "-")
    return Letter(key=key, subject="A new model did not do well", text=text, at=how.when)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
