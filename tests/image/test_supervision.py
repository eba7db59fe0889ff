"""Every program of the house is killed and made to hang, and the brain takes more memory than there is: the house goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.image.conftest import BOOT_S, Claimed, Plug, resident_of, until_good
from tests.image.machine import Machine
from tests.image.report import Report

pytestmark = [pytest.mark.image_full, pytest.mark.timeout(2 * 3600)]

PROGRAMS = ("portal", "brain", "recall", "conversation", "updates", "channel-mail", "channel-door")
AGAIN_S, HUNG_S, WATCHDOG_S = 120.0, 300.0, 400.0  # emulated


@pytest.fixture(scope="module")
def running(claimed: Claimed, stage: Path) -> Iterator[Machine]:
    """One box for this module."""
    machine = Machine(stage / "supervised", claimed.disk)
    machine.plug_in().until_up(BOOT_S)
    until_good(machine)
    yield machine
    machine.remove()


def status(machine: Machine) -> dict[str, dict[str, Any]]:
    """What the status file says of each program."""
    rows = json.loads(machine.shell.ask("cat /run/nisse/status.json"))["processes"]
    return {row["name"]: row for row in rows}


def until_running(machine: Machine, name: str, other_than: int, seconds: float) -> float:
    """Waits until the program runs as another process; returns the seconds."""
    began = time.monotonic()

    def runs() -> bool:
        row = status(machine)[name]
        return row["state"] == "RUNNING" and row["pid"] not in (0, other_than)

    machine.until(runs, seconds, f"{name} again")
    return time.monotonic() - began


def test_the_status_file_tells_of_every_program(running: Machine) -> None:
    assert set(status(running)) == set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_killed_program_comes_back(running: Machine, report: Report, name: str) -> None:
    pid = status(running)[name]["pid"]
    running.shell.ask(f"kill -9 {pid}")
    report.detail(f"back_after_kill_{name}_s", round(until_running(running, name, pid, AGAIN_S)))
    assert running.shell.ask("systemctl is-active nisse.service") == "active"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_hangs_is_started_afresh(running: Machine, report: Report, name: str) -> None:
    pid = status(running)[name]["pid"]
    time.sleep(70)  # one that has just been started is not asked yet
    running.shell.ask(f"kill -STOP {pid}")
    report.detail(f"back_after_hang_{name}_s", round(until_running(running, name, pid, HUNG_S)))


def test_a_supervisor_that_hangs_is_started_afresh_by_systemd(running: Machine) -> None:
    main = running.shell.ask("systemctl show -P MainPID nisse.service")
    running.shell.ask(f"kill -STOP {main}")
    running.until(
        lambda: running.shell.run("systemctl show -P MainPID nisse.service").text.strip() not in ("0", main),
        WATCHDOG_S,
        "another supervisor",
    )
    running.until_up(BOOT_S)
    assert len(running.boots) == 1, "the box itself must not start again for this"


def test_a_brain_that_takes_three_times_the_memory_dies_alone(
    claimed: Claimed, plug: Plug, report: Report
) -> None:
    machine = plug(claimed.disk, memory_mb=1024)
    machine.plug_in().until_up(BOOT_S)
    until_good(machine)
    before = {name: row["pid"] for name, row in status(machine).items()}
    # In the brain's own group, as its user, with its place in the order of the dying: what a model that is too large does.
    machine.shell.ask(
        "cat > /run/eater.py <<'PYTHON'\n"
        "held = []\n"
        "while True:\n"
        "    held.append(bytearray(b'x') * (8 << 20))\n"
        "PYTHON\n"
        "cat > /run/eater.sh <<'SHELL'\n"
        "echo $$ > /sys/fs/cgroup/system.slice/nisse.service/brain/cgroup.procs\n"
        "echo 800 > /proc/$$/oom_score_adj\n"
        "exec setpriv --reuid nisse-brain --regid nisse-brain --clear-groups python3 /run/eater.py\n"
        "SHELL\n"
        "sh /run/eater.sh > /dev/null 2>&1 &"
    )
    slowest = 0.0
    end = time.monotonic() + 90
    while time.monotonic() < end:
        began = time.monotonic()
        assert httpx.get(machine.url + "/healthz", timeout=30, trust_env=False).status_code == 200
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.5)
    report.detail("portal_while_the_brain_eats_slowest_s", round(slowest, 2))
    until_running(machine, "brain", 0, AGAIN_S)
    after = {name: row["pid"] for name, row in status(machine).items()}
    assert {name for name in before if before[name] != after[name]} <= {"brain"}
    assert status(machine)["brain"]["killed_for_memory"] >= 1
    assert resident_of(machine).page("/letters")
