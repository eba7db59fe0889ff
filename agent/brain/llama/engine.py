"""The engine: one thread, one step after another, each a single call of the library for everybody whose turn it is.

Owns: the thread, the jobs, filling a step, and what becomes of its results.
Does not know: HTTP, the model's template (`weights`), who goes first (`scheduler`), or where things lie in memory (`seating`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable

import numpy as np

from agent import logs
from agent.brain import Asker, Options, Prompt, Queue
from agent.brain.llama.batch import Batch
from agent.brain.llama.context import Context, Outcome
from agent.brain.llama.grammar import Rules
from agent.brain.llama.job import Job
from agent.brain.llama.pace import Pace
from agent.brain.llama.sampling import Sampler
from agent.brain.llama.saved import Saved
from agent.brain.llama.seating import Seating
from agent.brain.llama.weights import Weights
from agent.brain.scheduler import Scheduler, is_urgent, reading_order
from agent.errors import ModelError, NisseError, UnavailableError

_log = logging.getLogger(__name__)

_CHORES_S = 1.0
_WORTH_INTERRUPTING = 8  # tokens of a step
_WARMING = 8  # tokens of the first step, the smallest that takes the way of long ones


class LlamaEngine:
    """Computes answers for many at once."""

    def __init__(
        self, weights: Weights, options: Options, *, threads: Callable[[], int], saved: Saved | None
    ) -> None:
        """Takes the memory and begins.

        Args:
            weights: The model.
            options: How much of everything.
            threads: Asked before each step with how many threads to compute.
            saved: Conversations kept on the disk, if any are; the engine closes it.

        Raises:
            ModelError: There is not enough memory.
        """
        self._weights, self._options, self._threads, self._saved = weights, options, threads, saved
        self._context = Context(weights, options)
        self._seating = Seating(self._context, options, saved)
        self._scheduler = Scheduler(options.parallel)
        self._pace = Pace()
        self._batch = Batch(self._context.batch)
        self._computing_with = options.threads
        self._changed = threading.Condition()
        self._jobs: list[Job] = []
        self._came: list[Job] = []
        self._in_step: list[Job] = []  # of the step that is being computed
        self._ending = False
        self._chores_at = 0.0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._warm = threading.Event()
        try:
            self._thread.start()
            self._warm.wait()
        except BaseException:  # Ctrl-C: nobody will close this engine, and the model waits for its thread
            self._end()
            raise

    def close(self) -> None:
        """Ends all answers, keeps the conversations, and gives the memory back."""
        self._end()
        self._thread.join()
        if self._saved:
            self._saved.close()

    def submit(self, prompt: Prompt, asker: Asker, rules: Rules | None) -> Job:
        """Takes a place in the queue.

        Raises:
            UnavailableError: Too many wait already.
            ModelError: The model is being changed.
        """
        with self._changed:
            self._refuse_if_full(len(prompt.tokens), asker)
        sampler = Sampler(self._weights, prompt, rules, self._options.context)
        job = Job(prompt, asker, sampler, context=self._options.context, close=self._closed)
        try:
            self._enter(job)
        except NisseError:
            job.sampler.close()
            raise
        return job

    def queue(self) -> Queue:
        """How busy it is now."""
        with self._changed:
            everybody = self._everybody()
            waiting = [job for job in everybody if not job.begun]
            begun = [job for job in everybody if job.begun]
            paused = [job for job in begun if job not in self._in_step] if self._in_step else []
            return Queue(
                waiting=len(waiting),
                working=len(begun),
                paused=len(paused),
                seconds=round(self._estimate(32, Asker(), waiting), 2),
            )

    def info(self) -> dict[str, object]:
        """What it says of itself."""
        buffers = {**self._weights.buffers, **self._context.buffers}
        return {
            "reading_speed": round(self._pace.reading, 1),
            "step_seconds": round(self._pace.step, 4),
            "threads_now": self._computing_with,
            "room": self._context.room,
            "conversations": self._seating.held(),
            "reported_bytes": sum(buffers.values()),
            "buffers": buffers,
            "saved": {**self._saved.info(), "unsaved": self._seating.unkept()} if self._saved else None,
        }

    def _end(self) -> None:
        with self._changed:
            self._ending = True
            self._context.interrupt()
            self._changed.notify_all()

    def _enter(self, job: Job) -> None:
        with self._changed:
            job.seconds = self._refuse_if_full(job.count, job.asker)
            self._came.append(job)
            if self._holds_up(job):
                self._context.interrupt()
            self._changed.notify_all()

    def _refuse_if_full(self, own: int, asker: Asker) -> float:
        """Estimate of the seconds until somebody who came now reads a first word."""
        if self._ending:
            raise ModelError("The model is being changed.", retry_after=5)
        waiting = [other for other in self._everybody() if not other.begun]
        seconds = self._estimate(own, asker, waiting)
        if len(waiting) >= self._options.queue:
            raise UnavailableError(
                f"{len(waiting)} questions wait already.",
                hint="Ask again soon.",
                retry_after=max(1.0, seconds),
            )
        return seconds

    def _everybody(self) -> list[Job]:
        return [*self._jobs, *self._came]

    def _estimate(self, own: int, asker: Asker, waiting: list[Job]) -> float:
        now = time.monotonic()
        before = [job for job in self._everybody() if asker.priority == "background" or is_urgent(job, now)]
        begun = [job for job in before if job.begun]
        return self._pace.wait(own, begun, [job for job in before if job in waiting], self._options.parallel)

    def _holds_up(self, job: Job) -> bool:
        """Whether the step that is being computed is a long one of people who can wait, and this one cannot."""
        now = time.monotonic()
        return (
            is_urgent(job, now)
            and bool(self._in_step)
            and self._batch.count >= _WORTH_INTERRUPTING
            and not any(is_urgent(other, now) for other in self._in_step)
        )

    def _closed(self, job: Job) -> None:
        with self._changed:
            # A long step that only this one wanted is broken off.
            if self._in_step == [job] and self._batch.count >= _WORTH_INTERRUPTING:
                self._context.interrupt()
            self._changed.notify_all()

    def _run(self) -> None:
        # Ctrl-C may break off any waiting for this thread: it holds by itself what it computes with.
        with self._weights.used(), contextlib.closing(self._context):
            self._work()

    def _work(self) -> None:
        try:
            self._warm_up()
            while True:
                try:
                    if not self._await_work():
                        return
                    self._advance()
                except NisseError as failed:
                    self._break_off(failed)
                except Exception as failed:  # noqa: BLE001 - the thread must live; whoever waits is told
                    self._break_off(_broken(failed))
        finally:
            with self._changed:
                self._ending = True
                everybody = self._everybody()
            for job in everybody:
                self._remove(job)
                job.fail(ModelError("The model was changed in the middle of an answer.", retry_after=5))
            self._seating.keep_all()

    def _warm_up(self) -> None:
        """Computes something that nobody asked for, in this thread: what is done the first time only, nobody shall wait for."""
        try:
            self._batch.clear()
            self._batch.add(0, 0, np.zeros(_WARMING, dtype=np.int32), wanted=True)
            self._context.step(self._batch)
            self._context.cut(0, 0)
        except NisseError as failed:
            self._break_off(failed)
        finally:
            self._warm.set()

    def _await_work(self) -> bool:
        """Takes in who came and lets go of who went; False at the end."""
        while True:
            with self._changed:
                self._jobs += self._came
                self._came.clear()
                for job in [job for job in self._jobs if job.closed]:
                    self._remove(job)
                if self._ending:
                    return False
                if not self._jobs and time.monotonic() < self._chores_at:
                    self._changed.wait(timeout=_CHORES_S)
                    continue
            if time.monotonic() >= self._chores_at:
                self._chores_at = time.monotonic() + _CHORES_S
                self._tidy()
            if self._jobs:
                return True

    def _tidy(self) -> None:
        try:
            self._seating.tidy(self._pace.reading)
        except Exception as failed:  # noqa: BLE001 - no memory to copy a state, say; nobody's answer depends on it
            logs.event(_log, "state.unkept", level=logging.WARNING, error=failed)

    def _advance(self) -> None:
        """One step."""
        now = time.monotonic()
        chosen = self._scheduler.choose(self._jobs, now)
        seated = [job for job in chosen if job.sequence is not None]
        for job in chosen:
            if job.sequence is None and self._seat(job, seated, chosen):
                seated.append(job)
        if not seated:
            raise ModelError("There is no room for this conversation.", hint="Lower brain.context.")
        places, read = self._fill(seated, now)
        began = time.perf_counter()
        outcome = self._compute([job for job in seated if job in places])
        if outcome is Outcome.DONE:
            written = sum(count == 1 for _, count in places.values())
            self._pace.learn(read=read, written=written, seconds=time.perf_counter() - began)
            self._take(places)
            return
        for job in places:
            self._seating.drop(job)
        if outcome is Outcome.NO_ROOM:
            self._make_room(seated)

    def _seat(self, job: Job, seated: list[Job], chosen: list[Job]) -> bool:
        if self._seating.seat(job, seated):
            return True
        if seated:
            return False
        for other in reversed(self._jobs):  # all places are taken by those who pause
            if other.sequence is not None and other not in chosen:
                self._seating.leave(other)
                return self._seating.seat(job, seated)
        return False

    def _fill(self, seated: list[Job], now: float) -> tuple[dict[Job, tuple[int, int]], int]:
        """Fills the step. Returns for each job the place of its last token and how many it has in it; and the tokens read."""
        self._batch.clear()
        places: dict[Job, tuple[int, int]] = {}
        for job in seated:
            if job.left == 1:
                places[job] = (self._add(job, 1), 1)
        alone = not places
        total = 0
        enough = self._pace.bite(self._context.batch, most=self._context.batch, alone=alone)
        for job in reading_order([job for job in seated if job.left > 1], now, self._pace.reading):
            room = min(
                self._context.batch - self._batch.count, job.prompt.request.chunk or self._context.batch
            )
            bite = self._pace.bite(job.left, most=max(1, room), alone=alone)
            if room <= 0 or (total and total + bite > enough):
                break
            places[job] = (self._add(job, bite), bite)
            total += bite
        return places, total

    def _add(self, job: Job, count: int) -> int:
        begin = job.seat.length
        end = begin + count
        return self._batch.add(job.seat.id, begin, job.tokens[begin:end], wanted=end == job.count)

    def _compute(self, jobs: list[Job]) -> Outcome:
        threads = self._threads()
        if threads != self._computing_with:
            self._context.use_threads(threads)
            self._computing_with = threads
        with self._changed:
            if self._came and self._batch.count >= _WORTH_INTERRUPTING:
                return Outcome.INTERRUPTED  # somebody came while the step was filled
            self._in_step = jobs
            if not self._ending:
                self._context.allow()
        try:
            return self._context.step(self._batch)
        finally:
            with self._changed:
                self._in_step = []

    def _take(self, places: dict[Job, tuple[int, int]]) -> None:
        """Takes the results of a step."""
        for job, (place, count) in places.items():
            job.seat.length += count
            self._scheduler.charge(job.asker.person, count, time.monotonic())
            if job.seat.length < job.count or job.closed:
                continue
            try:
                finish = self._write(job, place)
            except Exception as failed:  # noqa: BLE001 - it is this one's grammar or sampler: the others go on
                self._fail(job, failed)
                continue
            if finish:
                self._pace.ended(job.written)
                self._remove(job)
                job.end(finish)

    def _write(self, job: Job, place: int) -> str:
        """Goes on by one token; gives why the answer ends with it, or nothing."""
        token = job.sampler.choose(self._context, place)
        if self._weights.ends(token):
            return "stop"
        told = job.sampler.tell(self._context, place, token)
        return job.write(token, self._weights.bytes_of(token), told)

    def _fail(self, job: Job, failed: Exception) -> None:
        failure = failed if isinstance(failed, NisseError) else _broken(failed)
        logs.event(_log, "answer.broke", level=logging.ERROR, error=failure)
        self._remove(job)
        job.fail(failure)

    def _make_room(self, seated: list[Job]) -> None:
        """Somebody has to go: a conversation that has ended, one that pauses, or the last of those that are worked on."""
        if self._seating.forget_one():
            return
        pausing = [job for job in self._jobs if job.sequence is not None and job not in seated]
        victims = pausing or seated[1:]
        if not victims:
            raise ModelError("There is no room for this conversation.", hint="Lower brain.context.")
        victims[-1].parked = True
        self._seating.leave(victims[-1])
        logs.event(_log, "answer.parked", tokens=victims[-1].count)

    def _remove(self, job: Job) -> None:
        self._seating.leave(job)
        job.sampler.close()
        if job in self._jobs:
            self._jobs.remove(job)
        for other in self._jobs:
            other.parked = False

    def _break_off(self, failure: NisseError) -> None:
        logs.event(_log, "step.broke", level=logging.ERROR, error=failure)
        for job in list(self._jobs):
            self._seating.drop(job)
            self._remove(job)
            job.fail(failure)


def _broken(failed: Exception) -> ModelError:
    return ModelError(f"The model broke off: {failed}.", hint="Try again.", retry_after=5)
