"""Fetching models in the background, one after another, until each is there.

Owns: the order, the tries again with growing pauses, and how far each model is.
Does not know: why a model is wanted, nor HTTP.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent import logs
from agent.errors import NisseError
from agent.models import wanted
from agent.models.catalogue import Model
from agent.models.fetch import Progress
from agent.models.shelf import Shelf

_log = logging.getLogger(__name__)

_SHORTEST_PAUSE_S = 10.0
_LONGEST_PAUSE_S = 1800.0
_LONGEST_DOUBLED = 10  # times; beyond it only the number grows

Fetch = Callable[[Model, Shelf, Progress], None]


@dataclass
class _Job:
    model: Model
    fetched: int = 0  # bytes
    fetching: bool = False
    error: str = ""
    said: str = ""  # the last reason in the log
    failures: int = 0
    given_up: bool = False
    not_before: float = 0.0  # on the monotonic clock


class Fetcher:
    """Works through the models that somebody wants, in the order in which they were first wanted."""

    def __init__(self, shelf: Shelf, fetch: Fetch, *, pause: float = _SHORTEST_PAUSE_S) -> None:
        """Does nothing yet; `start` does.

        Args:
            shelf: Where models lie.
            fetch: Fetches one model, and returns when it is there.
            pause: Seconds until the first try again; it doubles up to half an hour.
        """
        self._shelf = shelf
        self._fetch = fetch
        self._pause = pause
        self._jobs: dict[str, _Job] = {}
        self._news = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="fetching", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self) -> None:
        """Stops; what came is kept."""
        with self._news:
            self._stopping = True
            self._news.notify_all()
        self._thread.join(timeout=5)

    def want(self, models: Iterable[Model], *, now: bool = False) -> None:
        """These models shall come onto the shelf.

        Args:
            models: Those to fetch; wanting one twice is harmless.
            now: Do not wait for the end of a pause after a failure.
        """
        with self._news:
            for model in models:
                job = self._jobs.setdefault(model.name, _Job(model))
                if now:
                    job.not_before, job.failures = 0.0, 0
            self._news.notify_all()

    def give_up(self, model: Model) -> None:
        """Nobody wants this model any more; what came of it is kept, but not the word on why it failed."""
        with self._news:
            job = self._jobs.pop(model.name, None)
            if job:
                job.given_up = True
            wanted.forgive(model, self._shelf)  # nobody tries again

    def wanted(self, model: Model) -> bool:
        """Whether somebody wants this model."""
        return model.name in self._jobs

    def progress(self, model: Model) -> dict[str, object]:
        """How far this model is: `fetched` bytes, `fetching`, and the last `error`, a sentence or empty."""
        job = self._jobs.get(model.name, _Job(model))
        return {"fetched": job.fetched, "fetching": job.fetching, "error": job.error}

    def _run(self) -> None:
        while not self._stopping:
            try:
                job = self._next()
                if job:
                    self._work(job)
            except Exception:  # noqa: BLE001 - a thread that ended would be missed until the next start
                _log.exception("fetching.broke")
                with self._news:
                    self._news.wait_for(lambda: self._stopping, timeout=self._pause)

    def _next(self) -> _Job | None:
        """Waits for the next model to fetch; none when it is time to stop."""
        with self._news:
            while not self._stopping:
                waiting = [job for job in self._jobs.values() if not self._shelf.installed(job.model)]
                ready = [job for job in waiting if job.not_before <= time.monotonic()]
                if ready:
                    return ready[0]
                pauses = [job.not_before - time.monotonic() for job in waiting]
                self._news.wait(timeout=max(0.01, min(pauses)) if pauses else None)
            return None

    def _work(self, job: _Job) -> None:
        job.fetching, job.error = True, ""
        try:
            self._fetch(job.model, self._shelf, lambda done, _total: self._note(job, done))
            job.fetched, job.failures = job.model.size, 0
            wanted.withdraw(job.model, self._shelf)
        except _StoppedError:
            return
        except NisseError as failed:
            self._postpone(job, str(failed), before=failed.__cause__)
        except Exception as broke:  # noqa: BLE001 - the thread must outlive it
            _log.exception("model.broke model=%s", job.model.name)
            self._postpone(job, f"Something unforeseen happened: {broke}.")
        finally:
            job.fetching = False

    def _note(self, job: _Job, done: int) -> None:
        job.fetched = done
        if self._stopping or job.given_up:
            raise _StoppedError

    def _postpone(self, job: _Job, why: str, *, before: BaseException | None = None) -> None:
        """Lets it wait; `before` is why another source had failed first."""
        pause = min(_LONGEST_PAUSE_S, self._pause * 2 ** min(job.failures, _LONGEST_DOUBLED))
        job.failures += 1
        job.error = why
        job.not_before = time.monotonic() + pause
        with self._news:
            if not job.given_up:
                wanted.fail(job.model, self._shelf, why)
        if why != job.said:  # a box without internet tries again and again: each line is a write to the card
            logs.event(
                _log, "model.postponed", model=job.model.name, seconds=round(pause), why=why, before=before
            )
            job.said = why


class _StoppedError(Exception):
    """The service stops while a model comes, or nobody wants it any more."""
