"""Asks each service every ten seconds whether it still answers, so that one that hangs is found.

Owns: where each is asked, whether somebody listens there, how often it may fail, the thread that asks, and how long one may take for its
first sign of life.
Does not know: what is done about one that hangs (`pulse`).

Any answer counts, also an error: only silence is hanging. What listens nowhere, such as the mail channel, is not asked: it promises by
its sign of life (`agent/alive.py`) when it will speak again.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from agent import alive, settings
from agent.errors import NisseError
from agent.settings import Settings

_EVERY_S = 10.0
_PATIENCE_S = 10.0
_AT_ONCE_S = 0.2  # on the same machine
_MOST_SILENCES = 3
_MOST_OF_THE_BRAIN = 9  # a model that loads may hold everything else up
_LATE_S = 45.0  # a box that stood still as a whole must first come to itself
_FIRST_SIGN_S = 600.0  # the sign of the process before it may still be there
_SERVICES = ("brain", "recall", "conversation", "updates")

Place = tuple[str, int, str]  # host, port, and what is said there; nothing: the other side speaks first


class Probing:
    """Counts silences."""

    def __init__(
        self,
        places: Callable[[], Mapping[str, Place]] | None = None,
        ask: Callable[[Place], bool] | None = None,
        knock: Callable[[Place], bool] | None = None,
        *,
        every: float = _EVERY_S,
        run: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begins to ask, in a thread of its own.

        Args:
            places: Where each process is asked, by its name.
            ask: Asks at one place; whether an answer came.
            knock: Looks whether somebody listens at one place, without waiting.
            every: Seconds between two rounds.
            run: The folder of what lasts until the box is switched off, with the signs of life; None: there are none.
            clock: Seconds on the clock of the signs.
        """
        self._places, self._every = places or from_settings, every
        self._ask, self._knock = ask or answers, knock or is_open
        self._run_folder, self._clock = run, clock
        self._silences: dict[str, int] = {}
        self._late: dict[str, tuple[float, float]] = {}  # the promise that was broken, and when that was seen
        self._began: dict[str, tuple[float, float]] = {}  # when, and the promise of the process before
        self._thread: threading.Thread | None = None

    def began(self, name: str) -> None:
        """A process began anew: what was before does not count."""
        self._silences[name] = 0
        self._began[name] = (self._clock(), self._promise(name))
        self._late.pop(name, None)
        if self._thread is None:  # not before supervisord runs: it forks
            self._thread = threading.Thread(target=self._run, name="probing", daemon=True)
            self._thread.start()

    def listens(self, name: str) -> bool:
        """Whether somebody listens where the process is asked. One that listens nowhere is there as soon as it runs."""
        place = self._places().get(name)
        return place is None or self._knock(place)

    def hangs(self, name: str) -> bool:
        """Whether a process was silent too often, or broke its promise to speak."""
        if self._broke_its_promise(name):
            return True
        most = _MOST_OF_THE_BRAIN if name == "brain" else _MOST_SILENCES
        return self._silences.get(name, 0) >= most

    def _promise(self, name: str) -> float:
        return alive.promised(self._run_folder, name) if self._run_folder else math.inf

    def _broke_its_promise(self, name: str) -> bool:
        now, promise = self._clock(), self._promise(name)
        began, before = self._began.get(name, (now, promise))
        if now <= (max(promise, began + _FIRST_SIGN_S) if promise == before else promise):
            return False
        broken, seen = self._late.get(name, (0.0, 0.0))
        if broken != promise:
            self._late[name] = (promise, now)
            return False
        return now - seen >= _LATE_S

    def round(self) -> None:
        """Asks everybody once."""
        for name, place in self._places().items():
            if self._ask(place):
                self._silences[name] = 0
            else:
                self._silences[name] = self._silences.get(name, 0) + 1

    def _run(self) -> None:
        waiting = threading.Event()
        while not waiting.wait(self._every):
            with contextlib.suppress(Exception):  # this thread must live; nobody else finds what hangs
                self.round()


def from_settings() -> dict[str, Place]:
    """Where the processes of this machine answer; none while the settings cannot be read."""
    try:
        return _places(settings.load())
    except NisseError:
        return {}


def _places(values: Settings) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for service in _SERVICES:
        url = urlsplit(values.text(f"{service}.url"))
        if url.hostname and url.port:
            found[service] = (url.hostname, url.port, "/health")
    for name, key, path in (("portal", "portal.listen", "/healthz"), ("channel-door", "door.listen", "")):
        if key in settings.table():
            host, _, port = values.text(key).rpartition(":")
            if port.isdigit():
                found[name] = (host if host not in ("", "0.0.0.0") else "127.0.0.1", int(port), path)
    return found


def is_open(place: Place) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(place[:2], timeout=_AT_ONCE_S).close()
    except OSError:
        return False
    return True


def answers(place: Place) -> bool:
    """Whether anything comes back within ten seconds. A closed door is no silence: nobody is there who could hang."""
    host, port, path = place
    try:
        connection = socket.create_connection((host, port), timeout=_PATIENCE_S)
    except TimeoutError:
        return False
    except OSError:
        return True
    with connection:
        try:
            if path:
                connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            connection.recv(1)
        except TimeoutError:
            return False
        except OSError:
            return True
    return True
