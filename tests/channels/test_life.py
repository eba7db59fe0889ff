"""A channel's sign of life goes on as long as every loop comes round, and not longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import alive
from agent.channels import _life
from agent.channels._life import Life
from tests.live.running import CHECKOUT, until


class Clock:
    """A clock of the test's own."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_least_patient_promise_stands() -> None:
    told: list[float] = []
    clock = Clock()
    life = Life(told.append, clock)
    life.promise(1, 3600)
    life.promise(0, 180)
    clock.now += 20
    life.promise(0, 180)
    assert told == [4600, 1180, 1200]


def test_a_loop_that_hangs_is_not_covered_by_the_others() -> None:
    told: list[float] = []
    clock = Clock()
    life = Life(told.append, clock)
    life.promise(1, 180)
    for _ in range(100):
        clock.now += 20
        life.promise(0, 180)
    assert told[-1] == 1180


def test_a_loop_that_has_nothing_left_to_do_keeps_nobody_waiting() -> None:
    told: list[float] = []
    clock = Clock()
    life = Life(told.append, clock)
    life.promise(1, 180)
    life.promise(0, 200)
    life.leave(1)
    assert told[-1] == 1200
    life.leave(0)
    assert told[-1] == 1200


def test_whoever_waits_speaks_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_life, "SLICE_S", 0.01)
    told: list[float] = []
    with _life.running(Life(told.append), 1):
        assert not _life.wait(threading.Event(), 0.1)
        event = threading.Event()
        event.set()
        assert _life.wait(event, 3600)
    assert len(told) >= 3


def test_nobody_speaks_where_nobody_looks() -> None:
    _life.works()
    _life.waits()
    assert not _life.wait(threading.Event(), 0.0)


_CHANNEL = """
import sys, threading, time
from agent.channels import _life
from agent.channels._process import run_until_told

_life.SLICE_S = 0.05

def well():
    while True:
        _life.sleep(0.2)

def hangs():
    _life.waits()
    print("hangs", flush=True)
    time.sleep(600)

def short():
    return

run_until_told(*{"well": [well, short], "hanging": [well, hangs], "idle": []}[sys.argv[1]])
"""


def _seen(promise: Callable[[], float], looks: int) -> set[float]:
    """What is promised within a while in which every loop that is well comes round."""
    found = set()
    for _ in range(looks):
        threading.Event().wait(0.05)
        found.add(promise())
    return found


@pytest.mark.parametrize(("kind", "goes_on"), [("well", True), ("idle", True), ("hanging", False)])
def test_a_process_goes_on_promising_only_while_all_its_loops_do(
    kind: str, goes_on: bool, tmp_path: Path
) -> None:
    def promise() -> float:
        return alive.promised(tmp_path, "channel-x")

    (tmp_path / alive.FOLDER).mkdir()
    environ = os.environ | {"NISSE_RUN": str(tmp_path), "SUPERVISOR_PROCESS_NAME": "channel-x"}
    command = [sys.executable, "-c", _CHANNEL, kind]
    with subprocess.Popen(command, cwd=CHECKOUT, env=environ, stdout=subprocess.PIPE) as process:
        try:
            if not goes_on and process.stdout:
                assert process.stdout.readline() == b"hangs\n"
            until((tmp_path / "alive/channel-x").exists, 30, "a sign")
            if goes_on:  # more often than at its beginning, when each loop promises once
                until(lambda: len(_seen(promise, 2)) > 1, 30, "more signs")
            else:
                _seen(promise, 20)
                assert len(_seen(promise, 20)) == 1, "the other loop spoke for the one that hangs"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
