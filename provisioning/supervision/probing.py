"""Asks each service every ten seconds whether it still answers, so that one that hangs is found.

Owns: where each is asked, how often it may fail, and the thread that asks.
Does not know: what is done about one that hangs (`pulse`).

Any answer counts, also an error: only silence is hanging. The mail channel listens nowhere, and is not asked.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from agent import settings
from agent.errors import NisseError
from agent.settings import Settings

_EVERY_S = 10.0
_PATIENCE_S = 10.0
_MOST_SILENCES = 3
_MOST_OF_THE_BRAIN = 9  # a model that loads may hold everything else up
_SERVICES = ("brain", "recall", "conversation", "updates")

Place = tuple[str, int, str]  # host, port, and what is said there; nothing: the other side speaks first


class Probing:
    """Counts silences."""

    def __init__(
        self,
        places: Callable[[], Mapping[str, Place]] | None = None,
        ask: Callable[[Place], bool] | None = None,
        *,
        every: float = _EVERY_S,
    ) -> None:
        """Begins to ask, in a thread of its own.

        Args:
            places: Where each process is asked, by its name.
            ask: Asks at one place; whether an answer came.
            every: Seconds between two rounds.
        """
        self._places, self._ask, self._every = places or from_settings, ask or answers, every
        self._silences: dict[str, int] = {}
        self._thread: threading.Thread | None = None

    def began(self, name: str) -> None:
        """A process began anew: what was before does not count."""
        self._silences[name] = 0
        if self._thread is None:  # not before supervisord runs: it forks
            self._thread = threading.Thread(target=self._run, name="probing", daemon=True)
            self._thread.start()

    def hangs(self, name: str) -> bool:
        """Whether a process was silent too often."""
        most = _MOST_OF_THE_BRAIN if name == "brain" else _MOST_SILENCES
        return self._silences.get(name, 0) >= most

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
