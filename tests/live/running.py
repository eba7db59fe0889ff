"""Real processes of the house, started for a test on free ports with a home of their own.

Owns: starting one service or the whole house, waiting until it answers, and ending what it started, by process id.
Does not know: what a test does with them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil

from agent import processes, settings
from agent.errors import NisseError
from agent.settings import Settings
from agent.wire.call import Client, client
from tests.conftest import MODELS_FOLDER
from tests.live.ports import free_port

CHECKOUT = Path(__file__).parent.parent.parent
SERVICES = ("brain", "recall", "conversation", "updates")
Found = TypeVar("Found")

PASSWORD = "correct horse battery"


def until(look: Callable[[], Found | None], seconds: float, what: str) -> Found:
    """The first thing that `look` returns which is not empty.

    Raises:
        AssertionError: It never came; the message says what.
    """
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not come within {seconds:.0f} s"
        time.sleep(0.1)


def own_addresses() -> dict[str, str]:
    """Settings that give every service, the portal and the door a free port of this test's own."""
    addresses = {f"{service}.url": f"http://127.0.0.1:{free_port()}" for service in SERVICES}
    return addresses | {
        "portal.listen": f"127.0.0.1:{free_port()}",
        "portal.announce": "false",
        "door.listen": f"127.0.0.1:{free_port()}",
    }


class Running:
    """Some processes of the house on a home of their own."""

    def __init__(self, home: Path, values: Mapping[str, str] | None = None) -> None:
        """Nothing runs yet.

        Args:
            home: NISSE_HOME.
            values: Settings by key, as text; each service has a free port anyway.
        """
        chosen = own_addresses() | dict(values or {})
        variables = {"NISSE_" + key.replace(".", "_").upper(): value for key, value in chosen.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NISSE_")}
        kept["NISSE_MODELS_FOLDER"] = str(MODELS_FOLDER)
        self.environment = kept | variables | {"NISSE_HOME": str(home), "PYTHONUNBUFFERED": "1"}
        self.home = home
        self.settings: Settings = settings.load(self.environment)
        self._started: list[subprocess.Popen[bytes]] = []
        self._clients: dict[str, Client] = {}

    def client(self, service: str) -> Client:
        """A client of one of its services."""
        if service not in self._clients:
            self._clients[service] = client(self.settings, service)
        return self._clients[service]

    def start(self, *command: str, wait_for: str = "") -> subprocess.Popen[bytes]:
        """Starts `nisse COMMAND...`, and waits until the service named answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / f"{'-'.join(command)}.out").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "agent", *command],
                cwd=CHECKOUT,
                env=self.environment,
                stdout=output,
                stderr=output,
            )
        self._started.append(process)
        if wait_for:
            until(lambda: self.answers(wait_for), 60, f"{wait_for} (see {self.home})")
        return process

    def answers(self, service: str) -> dict[str, Any] | None:
        """The service's /info, or None while it does not answer."""
        try:
            return dict(self.client(service).get("/info", timeout=5))
        except NisseError:
            return None

    def follows_mail(self) -> bool:
        """Whether the mail channel has taken its first look: what came before that it leaves alone."""
        logs = (self.home / "channel-mail.out", self.home / "log" / "channel-mail.log")
        return any("mail.begins" in log.read_text() for log in logs if log.exists())

    def claim(self, name: str = "Anna", address: str = "anna@nisse.test", **more: str) -> dict[str, Any]:
        """Makes somebody the owner."""
        body = {"name": name, "address": address, "password": PASSWORD, **more}
        return dict(self.client("conversation").post("/people/claim", body))

    def stop(self) -> None:
        """Ends everything that was started here, in order, and by force what does not go."""
        for process in reversed(self._started):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._started:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._started.clear()
        for each in self._clients.values():
            each.close()
        self._clients.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class House(Running):
    """The whole house under its own supervisord, started as `nisse run` does."""

    def __enter__(self) -> Self:
        self.start("run")
        try:
            for service in SERVICES:
                until(lambda name=service: self.answers(name), 90, f"{service} (see {self.home})")  # type: ignore[misc]
        except BaseException:
            self.stop()
            raise
        return self

    def thinks(self, seconds: float = 120) -> None:
        """Waits until the brain has its model and recall its embedder."""
        for service in ("brain", "recall"):
            until(lambda name=service: (self.answers(name) or {}).get("ready"), seconds, f"a ready {service}")  # type: ignore[misc]

    def pid(self, name: str) -> int:
        """The process id of one of supervisord's programs; 0 while it does not run."""
        supervisor = psutil.Process(int((self.home / "run" / "supervisord.pid").read_text()))
        called = f"nisse-{name.removeprefix('channel-')}"[:15]
        for child in supervisor.children():
            with contextlib.suppress(psutil.Error):  # it ended while we looked
                if child.name() == called and child.status() != psutil.STATUS_ZOMBIE:
                    return child.pid
        return 0

    def kill(self, name: str) -> None:
        """kill -9 of one program."""
        os.kill(until(lambda: self.pid(name), 30, name), signal.SIGKILL)

    def state(self, name: str) -> str:
        """What supervisord says of a program."""
        return next(process.state for process in processes.states(self.settings) if process.name == name)
