"""Where an answer is computed: beginning on what is known already, in memory or on the disk, and making room when there is none.

Owns: the sequences of one context and what they hold; copies between them; the conversations kept on the disk.
Does not know: the order of service, sampling, or threads. The engine's thread uses it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from agent import logs
from agent.brain import Options
from agent.brain.llama.context import Context
from agent.brain.llama.job import Job
from agent.brain.llama.saved import Kept, Saved
from agent.brain.llama.sequences import Sequence, Sequences, Tokens, shared

_log = logging.getLogger(__name__)

_SAME = 16  # tokens; so short a rest of an earlier conversation is not worth a place of its own
_WORTH_WAITING = 32  # tokens of a common beginning that another answer is just reading
_WORTH_READING = 64  # tokens that the disk must know more than the memory
_WORTH_KEEPING = 48  # tokens that are new since a conversation was kept, at the least
_WORTH_KEEPING_S = 1.0  # seconds that reading them again would take, at the least
_LIGHT = 256  # tokens of ended conversations that may stay in the model's memory beside an answer
_CARD_BYTES = 50_000_000  # that a slow card reads in a second
_PATIENCE_S = 5.0  # with a disk, when everything ends
_QUIET_S = 2.0  # after which a conversation is kept; a quick next question saves the card a write


class Seating:
    """The places of one context."""

    def __init__(self, context: Context, options: Options, saved: Saved | None) -> None:
        """Begins with all places free."""
        self._context = context
        self._places = Sequences(options.sequences)
        self._saved = saved
        self._worth = _WORTH_KEEPING

    def seat(self, job: Job, others: Iterable[Job]) -> bool:
        """Gives a job its place and all that is known of its beginning.

        Args:
            job: It has no place.
            others: Those that are worked on; if one of them is just reading the same beginning, the job waits for it.

        Returns:
            False: it must wait, for one of the others or because no place can be had.
        """
        tokens = job.tokens[: job.count - 1]  # the last is always computed: its logits are wanted
        source, length = self._places.best(tokens)
        if any(_is_reading_for(other, job, length) for other in others):
            return False
        sequence, length = self._restored(tokens, source, length) or self._place_on(source, length)
        if sequence is None:
            return False
        sequence.busy = True
        sequence.tokens, sequence.length = job.tokens, length
        sequence.lasting = job.asker.priority == "interactive"
        sequence.refused = False
        job.sequence = sequence
        if not job.begun:
            job.reused = length
        if job.left > _WORTH_WAITING:
            self._park()
        return True

    def _park(self) -> None:
        """Takes conversations that have ended out of the model's memory, if the disk knows them or they are read again in no time.

        Every answer looks past the tokens of all others that lie there, which costs it several hundredths per thousand; coming back
        from the disk costs a conversation milliseconds. What the new one shares with them is its own by now.
        """
        idle = [each for each in self._places.all if each.length and not each.busy]
        held = sum(each.length for each in idle)
        for sequence in sorted(idle, key=lambda each: each.used):
            if self._saved is None or held <= _LIGHT:
                return
            if self._keep(sequence) or not sequence.lasting:
                held -= sequence.length
                self._clear(sequence)

    def leave(self, job: Job) -> None:
        """The job goes, or goes to the end of the queue; what it knows stays until somebody needs the place."""
        sequence, job.sequence = job.sequence, None
        if sequence is not None:
            sequence.tokens = sequence.known.copy()
            sequence.busy = False
            sequence.used = time.monotonic()

    def forget_one(self) -> bool:
        """Makes room by forgetting who was not used for the longest time; False if everybody is at work."""
        oldest = self._places.oldest()
        if oldest is None:
            return False
        self._keep(oldest)
        self._clear(oldest)
        return True

    def drop(self, job: Job) -> None:
        """Forgets the part of the job's place that a step may have left behind."""
        if job.sequence is not None and not self._context.cut(job.sequence.id, job.sequence.length):
            job.sequence.length = 0

    def tidy(self, reading_speed: float) -> None:
        """Has conversations written to the disk that ended a little while ago.

        Args:
            reading_speed: Tokens a second; what is read again in no time is not worth a write.
        """
        self._worth = max(_WORTH_KEEPING, int(reading_speed * _WORTH_KEEPING_S))
        for sequence in self._places.all:
            if not sequence.busy and time.monotonic() - sequence.used > _QUIET_S:
                self._keep(sequence)

    def keep_all(self) -> None:
        """Has all conversations written to the disk; nobody is at work any more."""
        for sequence in sorted(self._places.all, key=lambda each: each.used, reverse=True):
            if self._saved and self._to_keep(sequence) and self._saved.ready(seconds=_PATIENCE_S):
                self._keep(sequence)

    def unkept(self) -> int:
        """Conversations that will be kept but are not yet."""
        return sum(self._to_keep(sequence) for sequence in self._places.all)

    def held(self) -> int:
        """Conversations in memory."""
        return sum(bool(sequence.length) for sequence in self._places.all)

    def _place_on(self, source: Sequence | None, length: int) -> tuple[Sequence | None, int]:
        """A place that holds so much of the beginning of another one, and how much it really holds."""
        if source and not self._context.divisible and (source.busy or length < source.length):
            source, length = None, 0
        if source and not source.busy and source.length - length <= _SAME:
            return source, self._cut(source, length)
        target = self._places.free()
        if target is None:
            target = self._places.oldest(spare=source)
            if target is None:
                return (source, self._cut(source, length)) if source and not source.busy else (None, 0)
            self._keep(target)
            self._clear(target)
        if source:
            self._context.copy(source.id, target.id, length)
        return target, length

    def _cut(self, sequence: Sequence, length: int) -> int:
        sequence.length = length if self._context.cut(sequence.id, length) else 0
        return sequence.length

    def _clear(self, sequence: Sequence) -> None:
        self._context.cut(sequence.id, 0)
        sequence.length = 0
        sequence.lasting = False

    def _restored(self, tokens: Tokens, source: Sequence | None, length: int) -> tuple[Sequence, int] | None:
        """A place with what the disk knows of these tokens, if that is enough more than what the memory knows."""
        kept, longer = self._saved.best(tokens) if self._saved else (None, 0)
        if self._saved is None or kept is None or not self._worth_reading(kept, longer, length):
            return None
        target = self._places.free() or self._places.oldest(spare=source)
        state = self._saved.read(kept) if target else None
        if target is None or state is None:
            return None
        self._keep(target)
        self._clear(target)
        while not self._context.restore(target.id, state):
            # Whole conversations make room for a whole one, but not for a beginning that many share.
            if longer < len(kept.tokens) // 2 or not self.forget_one():
                return None
        logs.event(_log, "state.restored", tokens=longer)
        return target, self._cut(target, longer)

    def _worth_reading(self, kept: Kept, longer: int, known: int) -> bool:
        if longer < len(kept.tokens) and not self._context.divisible:
            return False
        # `_worth` tokens take a second to read, or more; so does this much of a file from a slow card.
        return longer - known >= max(_WORTH_READING, self._worth * kept.size // _CARD_BYTES)

    def _keep(self, sequence: Sequence) -> bool:
        """Has a conversation written, if it is worth it; whether the disk knows all of it that is worth a write."""
        if self._saved is None:
            return False
        if self._to_keep(sequence) and self._saved.ready():
            # What was refused is not copied again and again; it stays in memory while there is room.
            sequence.refused = not self._saved.keep(sequence.known.copy(), self._context.state(sequence.id))
        return self._new(sequence) < self._worth

    def _to_keep(self, sequence: Sequence) -> bool:
        return sequence.lasting and not sequence.refused and self._new(sequence) >= self._worth

    def _new(self, sequence: Sequence) -> int:
        """Tokens that the disk does not know."""
        if self._saved is None or sequence.length < self._worth:
            return 0
        return sequence.length - self._saved.best(sequence.known)[1]


def _is_reading_for(other: Job, job: Job, known: int) -> bool:
    """Whether another job is just reading a beginning that this one needs too."""
    if other.sequence is None or other is job:
        return False
    if other.left <= 1:
        return False
    common = shared(other.tokens[: other.count], job.tokens[: job.count - 1])
    return common - max(known, other.sequence.length) >= _WORTH_WAITING
