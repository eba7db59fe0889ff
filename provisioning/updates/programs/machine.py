"""The update of Nisse itself under way: a step a round, until root takes over.

Owns: the order of writing down and doing, and learning from root how it ended.
Does not know: what a trial is (root's business), what the owner may say when (`owner`), nor HTTP.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from agent import logs
from agent.errors import NisseError
from provisioning.updates import trust
from provisioning.updates.book import Letter
from provisioning.updates.news import News
from provisioning.updates.pausing import PausedError
from provisioning.updates.programs import choosing, record, rules, states
from provisioning.updates.programs.handing import Last, Said
from provisioning.updates.programs.parts import ProgramParts
from provisioning.updates.programs.record import Program
from provisioning.updates.programs.states import CAN_STOP, MOST_HANDED, Record, Step
from provisioning.updates.refusals import RefusedError
from provisioning.updates.rounds import SHORTEST_S, Rounds

_log = logging.getLogger(__name__)

_IDLE_S, _TRIAL_S = 10.0, 3.0
_DAY_S = 86_400.0
# The line, the disk, the clock or the hour; all else says that this program is none for this box.
_LATER = frozenset(
    {"clock", "stale", "freeze", "expired", "incomplete", "mix_and_match", "rollback", "unreachable", "too_slow", "not_there",
     "no_space", "wrong_hash", "wrong_length", "endless_data"}
)  # fmt: skip
# Nothing of it speaks against the program itself: it is offered again, and after a day installed by itself.
_NOT_ITS_FAULT = frozenset(
    {"damaged", "lost_on_disk", "no_space", "no_room", "wrong_hash", "started_too_often", "overtaken", "yanked", "not_a_box",
     "not_taken"}
)  # fmt: skip
_TRIED = "Nisse itself is being updated just now; that takes a few minutes."


class ProgramMachine(Rounds):
    """The updates of Nisse on one box."""

    def __init__(
        self, parts: ProgramParts, *, clock: Callable[[], float] = time.time, pause: float = SHORTEST_S
    ) -> None:
        """Goes on where the last process was; does nothing before `start`.

        Args:
            parts: What updates of Nisse are made with.
            clock: Seconds since 1970.
            pause: Seconds until a step that does not go is tried again; it doubles.
        """
        super().__init__("program", idle=_IDLE_S, pause=pause)
        self.parts, self.clock = parts, clock
        self.record = parts.book.record()
        self.waits = ""  # why what is offered is not installed by itself
        self.not_this = ""  # about a newer version that is none for this box
        parts.lane.program_on_trial = lambda: _TRIED if self.record.step == Step.HANDED else ""

    def write(self, new: Record) -> None:
        """First it is written, then it is so. To be called with `news` held.

        Raises:
            StorageError: The disk does not take it; nothing has changed.
        """
        self.parts.book.write(new)
        if new.step != self.record.step:
            logs.event(_log, "program.step", step=new.step, version=new.version, reason=new.reason)
            self.progress = (0, 0)
        self.record = new
        self._got_on()

    def heed(self) -> None:
        """The owner has said something: what waits goes on now. To be called with `news` held."""
        self._hurry()

    def _round(self) -> float:
        """Takes one step, if it is time; seconds until the next."""
        if not self.parts.root.is_there:
            return _IDLE_S
        now = self.record
        said = self.parts.root.said()
        if now.step != Step.REPORTED and said.last and said.last.key != now.told:
            self._hear(now, said.last)
            return 0
        if not now.busy:
            return self._look_around(now)
        return self._go_on(now, said)

    def _go_on(self, now: Record, said: Said) -> float:
        """With an update that is under way."""
        if now.step in CAN_STOP and self.trouble.sentence and self._is_overtaken(now, by_a_newer=True):
            self._write(now, states.idle(now))
            return 0
        if self.trouble.rests_s > 0:
            return self.trouble.rests_s
        if now.step in CAN_STOP and not now.consent:
            self._stopped_by_owner()
            return _IDLE_S
        return self._take(now, said)

    def _hear(self, now: Record, last: Last) -> None:
        """Root says how one ended: the one that it was handed, or one that had been kept, or the owner went back."""
        if now.busy and last.sha256 == now.sha256:
            ended = states.ended(now, last.result, last.reason, last.sentence)
            self._write(now, dataclasses.replace(ended, told=last.key))
            return
        self._note_end(last.result, last.version, last.sha256, last.reason, last.sentence)
        self._write(now, dataclasses.replace(now, told=last.key, **self._rest(last.result, last.reason)))

    def _look_around(self, now: Record) -> float:
        """While nothing is under way: what is there, and may it be installed."""
        self.parts.store.forget_all_but(now.sha256)
        news = self.parts.source.known()
        choice = self._choice(news) if news else choosing.Choice()
        self.not_this = choice.not_this
        found = choice.program
        if found is None:
            if now.step == Step.OFFERED:
                self._write(now, states.idle(now))
            return _IDLE_S
        if found.sha256 != now.sha256:
            text = found.to_bytes().decode()
            new = states.offered(
                now, program=text, version=found.version, sha256=found.sha256, since=self.clock()
            )
            self._write(now, new)
            return 0
        self.waits = self._why_not_by_itself(now, choice.reason)
        if now.consent or not self.waits:
            self._write(now, states.done(now, consent=True))
            return 0
        return _IDLE_S

    def _choice(self, news: News) -> choosing.Choice:
        parts = self.parts
        here = dataclasses.replace(parts.root.here(), refused=parts.book.bad.hashes())
        when = news.program_moment(datetime.fromtimestamp(self.clock(), UTC))
        return choosing.choose(news.programs, here, parts.box, when, parts.wishes.delay)

    def _why_not_by_itself(self, now: Record, reason: str) -> str:
        if reason:
            return rules.sentence(reason)
        if not trust.permitted(self.parts.wishes.policy, asked=False):
            return "It waits for your word."
        if 0 < now.rest_until - self.clock() <= _DAY_S:  # more than a day: the clock was wrong then
            return "The last try failed for this box's own reasons; it is tried again in a day, or when you say so."
        return ""

    def _take(self, now: Record, said: Said) -> float:
        try:
            if now.step == Step.HANDED:
                return self._await_root(now, said)
            if now.step == Step.REPORTED:
                self._report(now)
                return 0
            with self.parts.lane.for_program(hand_over=now.step == Step.VERIFIED):
                self._bring(now)
        except PausedError as paused:
            self._wait_until_free(paused.message)
        except RefusedError as refused:
            reason = refused.reason
            self._refused(refused)
            if reason in _LATER:
                self._not_handed(now)
                return self._postpone(reason, f"{rules.sentence(reason)} {refused.hint}".strip())
            self._write(now, states.ended(now, "refused", reason, rules.sentence(reason)))
        except NisseError as failed:
            self._not_handed(now)
            return self._postpone(failed.key, str(failed))
        return 0

    def _not_handed(self, now: Record) -> None:
        """Root has not taken it: models need not wait until it does."""
        if now.step == Step.HANDED:
            failures = self._failures
            self._write(now, dataclasses.replace(now, step=Step.VERIFIED))
            self._failures = failures

    def _bring(self, now: Record) -> None:
        """A step on this side."""
        program, store = read(now), self.parts.store
        if now.step == Step.RESERVED:
            store.reserve(program)
        elif now.step == Step.DOWNLOADING:
            store.download(program, self._note, lambda: self._interrupted() or self.parts.line())
        else:
            store.verify(program, self._interrupted)
            if self._is_overtaken(now):
                self._write(now, states.idle(now))
                return
        self._write(now, states.done(now))

    def _await_root(self, now: Record, said: Said) -> float:
        """Asks root to take it, and waits until root says how it ended. The house restarts in the midst."""
        if said.candidate and said.candidate.sha256 == now.sha256:
            return _TRIAL_S
        if said.current and said.current.sha256 == now.sha256:  # its last word was lost
            self._write(now, states.ended(now, "committed"))
            return 0
        if self.parts.root.works():
            return _TRIAL_S
        if now.handed >= MOST_HANDED:
            raise RefusedError("not_taken", f"root was asked {now.handed} times")
        program = read(now)
        if not self.parts.store.holds(program):
            raise RefusedError("lost_on_disk", program.target)
        # Refused before: the owner has had it forgiven, else it would not have been chosen.
        again = now.sha256 in said.refused
        self.parts.root.install(program, self.parts.store.path(program), self.parts.lists, again=again)
        self._write(now, dataclasses.replace(now, handed=now.handed + 1))
        return _TRIAL_S

    def _report(self, now: Record) -> None:
        """Writes down how it ended, and what the owner is to hear."""
        self._note_end(now.outcome, now.version, now.sha256, now.reason, now.sentence)
        self.parts.store.forget_all_but()
        self.parts.store.forget_lists([each.sha256 for each in self.parts.root.said().kept])
        self._write(now, states.idle(now, **self._rest(now.outcome, now.reason)))

    def _rest(self, outcome: str, reason: str) -> dict[str, Any]:
        failed = outcome in ("refused", "rolled_back") and reason in _NOT_ITS_FAULT
        return {"rest_until": self.clock() + _DAY_S} if failed else {}

    def _note_end(self, outcome: str, version: str, sha256: str, reason: str, sentence: str) -> None:
        book, at = self.parts.book, self.clock()
        book.ended(outcome=outcome, version=version, reason=reason, sentence=sentence, at=at)
        if outcome == "committed":
            return
        if reason not in _NOT_ITS_FAULT and sha256:
            if outcome == "went_back":
                reason, sentence = outcome, rules.sentence(outcome)
            book.shun(sha256=sha256, version=version, reason=reason or outcome, sentence=sentence, at=at)
        if outcome != "went_back":
            book.tell(_letter(version, reason, sentence, sha256, at))

    def _is_overtaken(self, now: Record, *, by_a_newer: bool = False) -> bool:
        """Whether what is on its way need not be: it was taken back, or there is a newer one for this box by now."""
        news = self.parts.source.known()
        if news is None or news.program_trouble:
            return False
        if by_a_newer:
            found = self._choice(news).program
            if found and trust.version_number(found.version) > trust.version_number(now.version):
                return True
        return all(each.sha256 != now.sha256 or each.yanked for each in news.programs)

    def _write(self, old: Record, new: Record) -> None:
        """Writes, unless the owner has said something since."""
        with self.news:
            if self.record == old:
                self.write(new)

    def _interrupted(self) -> str:
        if self._stopping:
            return "The house stops; it goes on at the next start."
        if self.record.step not in CAN_STOP or not self.record.consent:
            return "You stopped it."
        return ""


def read(now: Record) -> Program:
    """The program of a record.

    Raises:
        RefusedError: `malformed`: there is none.
    """
    return record.read(now.program.encode())


def _letter(version: str, reason: str, sentence: str, sha256: str, at: float) -> Letter:
    again = "at the earliest in a day" if reason in _NOT_ITS_FAULT else "only if you say so"
    text = (
        f"Version {version} of Nisse was not kept on your box. {sentence}\n\n"
        "The version before runs as it did; no message was lost, and there is nothing that you must do. "
        f"It is tried again {again}. The page Updates says more."
    )
    key = f"program-{version}-{sha256[:12]}-{reason}".replace("_", "-")
    return Letter(key=key, subject="A new version of Nisse did not do well", text=text, at=at)
