"""supervisord's plug-in: what systemd hears, what is started again, what the status file says."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from supervisor.states import ProcessStates

from agent import processes, settings
from agent.errors import UnreachableError
from provisioning.supervision.probing import Place, Probing
from provisioning.supervision.pulse import Pulse
from provisioning.supervision.telling import Systemd


class Process:
    """A process as supervisord holds it."""

    def __init__(self, name: str, state: int = ProcessStates.RUNNING, pid: int = 0) -> None:
        self.config = SimpleNamespace(name=name)
        self.state, self.pid = state, pid
        self.laststart, self.laststop, self.spawnerr = time.time() - 1000, 0.0, ""
        self.spawned = 0

    def get_state(self) -> int:
        return self.state

    def spawn(self) -> None:
        self.spawned += 1


class Beating:
    """A pulse with everything around it."""

    def __init__(self, folder: Path, *rows: Process) -> None:
        self.log: list[str] = []
        self.now = 0.0
        self.silent: set[str] = set()
        self.closed: set[str] = set()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.listener.bind(str(folder / "notify"))
        self.listener.setblocking(False)
        environ = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "1"}
        group = SimpleNamespace(processes={row.config.name: row for row in rows})
        supervisord = SimpleNamespace(
            process_groups={"all": group},
            options=SimpleNamespace(logger=SimpleNamespace(warn=self.log.append)),
        )
        self.probing = Probing(self._places, self._ask, self._knock, every=10_000)
        self.file = folder / "status.json"
        self.pulse = Pulse(supervisord, Systemd(environ), self.probing, self.file, clock=lambda: self.now)
        assert environ == {}  # no child speaks in our name
        self.rows = {row.config.name: row for row in rows}

    def _places(self) -> dict[str, Place]:
        return {name: (name, 1, "/") for name in self.rows}

    def _ask(self, place: Place) -> bool:
        return place[0] not in self.silent

    def _knock(self, place: Place) -> bool:
        return place[0] not in self.closed

    def beat(self, seconds: float = 5) -> list[str]:
        """Lets time pass; what systemd heard."""
        self.now += seconds
        self.pulse.beat()
        heard = []
        while True:
            try:
                heard.append(self.listener.recv(1000).decode())
            except BlockingIOError:
                return heard

    def status(self) -> dict[str, Any]:
        return {row["name"]: row for row in json.loads(self.file.read_text())["processes"]}


@pytest.fixture
def folder(short_path: Path) -> Path:
    """A folder with a short name."""
    place = short_path / os.urandom(4).hex()
    place.mkdir()
    return place


@pytest.fixture
def begin(folder: Path) -> Iterator[Callable[..., Beating]]:
    """Begins a pulse over some processes."""
    begun: list[Beating] = []

    def new(*rows: Process) -> Beating:
        begun.append(Beating(folder, *rows))
        return begun[-1]

    yield new
    for beating in begun:
        beating.listener.close()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A real process with a group of its own."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_systemd_hears_that_the_house_is_ready_once_its_core_listens(begin: Callable[..., Beating]) -> None:
    core = [Process("conversation"), Process("portal", ProcessStates.STARTING), Process("brain")]
    beating = begin(*core)
    beating.closed.add("portal")
    assert beating.beat() == ["WATCHDOG=1"]
    core[1].state = ProcessStates.RUNNING
    assert beating.beat() == ["WATCHDOG=1"]
    beating.closed.clear()
    assert beating.beat() == ["WATCHDOG=1", "READY=1", "STATUS=3 of 3 processes run"]
    assert "READY=1" not in beating.beat()


def test_a_core_that_does_not_come_up_does_not_keep_the_rest_from_running(
    begin: Callable[..., Beating],
) -> None:
    beating = begin(Process("conversation", ProcessStates.BACKOFF), Process("portal"))
    assert "READY=1" not in beating.beat(100)
    assert "READY=1" in beating.beat(100)


def test_what_was_given_up_is_started_again_with_growing_pauses(begin: Callable[..., Beating]) -> None:
    row = Process("recall", ProcessStates.FATAL)
    beating = begin(row)
    starts = []
    for _ in range(2000):
        before = row.spawned
        beating.beat(5)
        if row.spawned > before:
            starts.append(beating.now)
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert starts[0] <= 20
    assert pauses[:4] == [20, 40, 80, 160]
    assert max(pauses) == 600
    assert pauses[-1] == 600


def test_what_does_not_answer_is_ended_and_what_answers_is_not(
    begin: Callable[..., Beating], sleeper: subprocess.Popen[bytes]
) -> None:
    hung, well = Process("portal", pid=sleeper.pid), Process("recall", pid=os.getpid())
    beating = begin(hung, well)
    beating.beat()
    beating.silent = {"portal"}
    for _ in range(2):
        beating.probing.round()
        beating.beat()
    assert sleeper.poll() is None
    beating.probing.round()
    beating.beat()
    assert sleeper.wait(timeout=30) == -signal.SIGKILL
    assert beating.status()["portal"]["hung"] == 1


def test_one_that_has_just_begun_is_given_time(
    begin: Callable[..., Beating], sleeper: subprocess.Popen[bytes]
) -> None:
    fresh = Process("portal", pid=sleeper.pid)
    beating = begin(fresh)
    beating.beat()
    beating.silent, fresh.laststart = {"portal"}, time.time()
    for _ in range(5):
        beating.probing.round()
    beating.beat()
    assert sleeper.poll() is None


def test_restarts_are_counted(begin: Callable[..., Beating]) -> None:
    row = Process("recall", pid=100)
    beating = begin(row)
    beating.beat()
    row.pid = 101
    beating.beat(60)
    assert beating.status()["recall"]["restarts"] == 1


def test_nothing_that_breaks_ends_the_loop(begin: Callable[..., Beating]) -> None:
    beating = begin(Process("portal"))
    beating.rows["portal"].config = None  # type: ignore[assignment]  # as broken as can be
    assert beating.beat() == ["WATCHDOG=1"]
    assert "stumbled" in beating.log[0]


def test_the_portal_reads_the_status_where_the_socket_is_roots(
    folder: Path, begin: Callable[..., Beating], monkeypatch: pytest.MonkeyPatch
) -> None:
    beating = begin(Process("portal", pid=7), Process("recall", ProcessStates.FATAL))
    beating.beat()
    monkeypatch.setenv("NISSE_RUN", str(folder))
    found = processes.states(settings.load())
    assert [(row.name, row.state) for row in found] == [("portal", "RUNNING"), ("recall", "FATAL")]


def test_a_status_of_long_ago_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NISSE_RUN", str(folder))
    (folder / "status.json").write_text(json.dumps({"at": time.time() - 1000, "processes": []}))
    with pytest.raises(UnreachableError, match="for minutes"):
        processes.states(settings.load())
    (folder / "status.json").write_text("{")
    with pytest.raises(UnreachableError, match="not said anything"):
        processes.states(settings.load())
