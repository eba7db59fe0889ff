"""supervisord's plug-in: tells systemd that the house lives, starts again what was given up or hangs, and writes the status file.

Owns: what happens every five seconds, inside supervisord's own loop: a supervisord that hangs tells systemd nothing, and is started
anew.
Does not know: what any process does; whether one answers is asked by a thread of its own (`probing`).

It is a plug-in and not a process of its own: that saves the memory of a Python, and systemd hears its main process alone.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.states import ProcessStates, getProcessStateDescription

from provisioning.supervision import groups
from provisioning.supervision.probing import Probing
from provisioning.supervision.telling import Systemd

FILE_NAME = "status.json"
MEGABYTE = 1_000_000
CORE = ("conversation", "portal")
_SHORTEST_PAUSE_S = 10.0
_LONGEST_PAUSE_S = 600.0
_LONGEST_DOUBLED = 10
_PATIENCE_S = 120.0  # after which the house counts as started, even if its core is not there
_WAKING_S = 60.0  # in which nobody is asked whether he hangs
_WRITE_EVERY_S = 20.0


def plug_in(supervisord: Any, **_config: str) -> Pulse:
    """What supervisord calls for `supervisor.rpcinterface_factory`."""
    home = Path(os.environ["NISSE_HOME"])
    place = Path(os.environ.get("NISSE_RUN") or home / "run")
    pulse = Pulse(supervisord, Systemd(), Probing(run=place), place / FILE_NAME)
    events.subscribe(events.Tick5Event, pulse.beat)
    events.subscribe(events.SupervisorRunningEvent, pulse.begin)
    return pulse


class Pulse:
    """Beats every five seconds."""

    def __init__(
        self,
        supervisord: Any,
        systemd: Systemd,
        probing: Probing,
        file: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Waits for the first beat.

        Args:
            supervisord: The daemon whose loop this runs in.
            systemd: Whom to tell.
            probing: Who knows whether a process answers.
            file: The status file.
            clock: Seconds on a clock that only goes forward.
        """
        self._supervisord, self._systemd, self._probing, self._file = supervisord, systemd, probing, file
        self._clock = clock
        self._began = clock()
        self._is_ready = False
        self._house_group = groups.house()
        self._given_up: dict[str, tuple[int, float]] = {}  # by process: how often, and when to try again
        self._restarts: dict[
            str, tuple[int, int]
        ] = {}  # by process: the pid seen last, and how many there were before
        self._hung: dict[str, int] = {}
        self._written = ("", 0.0)

    def begin(self, _event: object = None) -> None:
        """Starts everybody at once; supervisord itself first waits a second whether anything happens."""
        for group in sorted(self._supervisord.process_groups.values()):
            group.transition()

    def beat(self, _event: object = None) -> None:
        """One beat. Nothing that goes wrong here may end supervisord's loop."""
        self._systemd.tell(WATCHDOG=1)
        try:
            processes = list(self._processes())
            for process in processes:
                self._see_to(process)
            self._say(processes)
            self._write(processes)
        except Exception as broken:  # noqa: BLE001 - the house must run on
            self._log(f"the pulse stumbled: {broken!r}")

    def _processes(self) -> Iterator[Any]:
        for group in self._supervisord.process_groups.values():
            yield from group.processes.values()

    def _see_to(self, process: Any) -> None:
        name, state = process.config.name, process.get_state()
        pid, count = self._restarts.get(name, (0, -1))
        if process.pid and process.pid != pid:
            self._restarts[name] = (process.pid, count + 1)
            self._probing.began(name)
        if state == ProcessStates.FATAL:
            self._start_again(process)
        elif state == ProcessStates.RUNNING:
            if time.time() - process.laststart > _LONGEST_PAUSE_S:
                self._given_up.pop(name, None)
            if self._probing.hangs(name) and time.time() - process.laststart > _WAKING_S:
                self._end_hung(process)

    def _start_again(self, process: Any) -> None:
        """What supervisord has given up is tried again, after a pause that doubles up to ten minutes."""
        name, now = process.config.name, self._clock()
        if name not in self._given_up:
            self._given_up[name] = (0, now + _SHORTEST_PAUSE_S)
            return
        tries, due = self._given_up[name]
        if now < due:
            return
        pause = min(_SHORTEST_PAUSE_S * 2 ** min(tries + 1, _LONGEST_DOUBLED), _LONGEST_PAUSE_S)
        self._given_up[name] = (tries + 1, now + pause)
        self._log(f"{name} was given up; it is started again (try {tries + 1})")
        process.spawn()

    def _end_hung(self, process: Any) -> None:
        """What does not answer is killed with all that it started; supervisord starts it afresh."""
        name = process.config.name
        self._hung[name] = self._hung.get(name, 0) + 1
        self._probing.began(name)
        self._log(f"{name} does not answer; it is started afresh")
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError as gone:
            self._log(f"{name} could not be ended: {gone}")

    def _say(self, processes: list[Any]) -> None:
        running = [process for process in processes if process.get_state() == ProcessStates.RUNNING]
        if not self._is_ready:
            names = {process.config.name for process in running}
            is_there = names.issuperset(CORE) and all(self._probing.listens(name) for name in CORE)
            if not is_there and self._clock() - self._began < _PATIENCE_S:
                return
            self._is_ready = True
            self._systemd.tell(READY=1)
        self._systemd.tell(STATUS=f"{len(running)} of {len(processes)} processes run")

    def _write(self, processes: list[Any]) -> None:
        rows = sorted((self._row(process) for process in processes), key=lambda row: str(row["name"]))
        text, now = json.dumps(rows), self._clock()
        if text == self._written[0] and now - self._written[1] < _WRITE_EVERY_S:
            return
        content = json.dumps({"version": 1, "at": time.time(), "processes": rows})
        temporary = self._file.with_name(f".{self._file.name}.new")
        temporary.write_text(content, encoding="utf-8")
        temporary.chmod(0o644)
        temporary.replace(self._file)  # no fsync: it tells of now, and is of no use after a power cut
        self._written = (text, now)

    def _row(self, process: Any) -> dict[str, str | int | float]:
        name, state = process.config.name, process.get_state()
        return {
            "name": name,
            "state": getProcessStateDescription(state),
            "since": process.laststart if process.pid else process.laststop,
            "pid": process.pid,
            "memory_mb": groups.memory(self._house_group, name) // MEGABYTE,
            "said": process.spawnerr or "",
            "restarts": max(0, self._restarts.get(name, (0, 0))[1]),
            "hung": self._hung.get(name, 0),
            "killed_for_memory": groups.killed_for_memory(self._house_group, name),
        }

    def _log(self, sentence: str) -> None:
        self._supervisord.options.logger.warn(sentence)  # noqa: G010 - supervisor's own logger
