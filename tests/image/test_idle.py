"""A house in which nobody asks anything: what it holds, what it writes, which doors are open, what failed."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.image.conftest import BOOT_S, Claimed, until_good
from tests.image.machine import Machine
from tests.image.report import Report

pytestmark = pytest.mark.timeout(2 * 3600)

SETTLING_S = float(os.environ.get("SETTLING_S", "120"))
IDLE_S = float(os.environ.get("IDLE_S", "300"))
MOST_RAM_MB, MOST_WRITES_MB_H, MOST_EXPOSURE = 180, 2, 2.5
# Of one emulated processor, for one process; what waits for nothing takes a whole one.
MOST_PROCESSOR_PERCENT = 40
_WAITS = {"tcp": "0A", "udp": "07"}  # for whoever knocks, in the kernel's words
_LOOPBACK = re.compile(r"[0-9A-F]{6}7F:|0{24}01000000:")
_SAMPLES, _BETWEEN_S = 5, 15.0
DOORS = {("tcp", 25), ("tcp", 80), ("udp", 5353), ("udp", 68), ("udp", 546)}
_WITHOUT_MODEL = """
rm -r /data/nisse/models/*/
systemctl restart nisse.service
"""
_INTO_THE_HOUSE = "cd /sys/fs/cgroup/system.slice/nisse.service\n"
_HELD = """
for group in */; do
    name=$(basename $group)
    held=0
    for pid in $(cat $group/cgroup.procs); do
        held=$((held + $(awk '/^Pss:/ {print $2}' /proc/$pid/smaps_rollup)))
    done
    echo "$name $held"
done
"""


@pytest.fixture(scope="module")
def idle(claimed: Claimed, stage: Path) -> Iterator[Machine]:
    """One box for this module, some minutes after its start."""
    machine = Machine(stage / "idle", claimed.disk)
    machine.plug_in().until_up(BOOT_S)
    until_good(machine)
    time.sleep(SETTLING_S)
    yield machine
    machine.remove()


@pytest.fixture(scope="module")
def bare(idle: Machine) -> Machine:
    """The same box some minutes after its models were taken from it."""
    idle.shell.ask(_WITHOUT_MODEL)
    idle.until_up(BOOT_S)
    time.sleep(SETTLING_S)
    return idle


@pytest.mark.image
def test_no_unit_failed_and_no_order_was_circular(idle: Machine) -> None:
    assert idle.shell.ask("systemctl list-units --failed --plain --no-legend") == ""
    assert "ordering cycle" not in idle.shell.ask("journalctl -b -p warning --no-pager -o cat | tail -n 500")


@pytest.mark.image
def test_the_kernel_is_not_tainted(idle: Machine) -> None:
    assert idle.shell.ask("cat /proc/sys/kernel/tainted") == "0"


@pytest.mark.image
def test_only_the_named_doors_are_open(idle: Machine, report: Report) -> None:
    found = {
        (kind.rstrip("6"), int(local.rpartition(":")[2], 16))
        for kind in ("tcp", "tcp6", "udp", "udp6")
        for _number, local, _peer, state, *_ in map(str.split, _sockets(idle, kind))
        if state == _WAITS[kind[:3]] and not _LOOPBACK.match(local)
    }
    report.detail("open_doors", sorted(f"{kind} {port}" for kind, port in found))
    assert found <= DOORS


def _sockets(machine: Machine, kind: str) -> list[str]:
    """The kernel's own list, without its first line."""
    return machine.shell.ask(f"cat /proc/net/{kind}").splitlines()[1:]


@pytest.mark.image
def test_the_root_is_read_only(idle: Machine) -> None:
    assert idle.shell.run("touch /usr/x /etc/x").status != 0
    assert "ro," in idle.shell.ask("findmnt -n -o OPTIONS /") + ","


@pytest.mark.image
def test_the_unit_of_the_house_is_hardened(idle: Machine, report: Report) -> None:
    said = idle.shell.ask("systemd-analyze security nisse.service --no-pager | tail -n 3", seconds=300)
    exposure = float(re.findall(r"(\d+\.\d)", said)[-1])
    report.detail("exposure", exposure)
    assert exposure <= MOST_EXPOSURE


@pytest.mark.image
def test_what_the_house_writes_and_computes_while_nobody_wants_anything(
    idle: Machine, report: Report
) -> None:
    idle.shell.ask("sync")
    before, computed = idle.written, _computed(idle)
    time.sleep(IDLE_S)
    computed = {name: seconds - computed.get(name, 0.0) for name, seconds in _computed(idle).items()}
    idle.shell.ask("sync")
    written = (idle.written - before) / 1_000_000
    report.figure("idle_writes_mb_h", written * 3600 / IDLE_S)
    shares = {name: round(100 * seconds / IDLE_S, 1) for name, seconds in computed.items()}
    report.detail("idle_processor_percent_by_process", shares)
    assert written * 3600 / IDLE_S <= MOST_WRITES_MB_H
    assert max(shares.values()) <= MOST_PROCESSOR_PERCENT, shares


def _computed(machine: Machine) -> dict[str, float]:
    """Seconds of a processor that each process of the house has used since it began."""
    said = machine.shell.ask(_INTO_THE_HOUSE + "grep -H usage_usec */cpu.stat")
    return {line.split("/")[0]: int(line.split()[-1]) / 1_000_000 for line in said.splitlines()}


@pytest.mark.image
def test_what_the_house_holds_without_a_model(bare: Machine, report: Report) -> None:
    samples = []
    # Several: a box without internet asks for its model again and again, each time by a process of its own.
    for _ in range(_SAMPLES):
        rows = dict(line.split() for line in bare.shell.ask(_INTO_THE_HOUSE + _HELD).splitlines())
        samples.append({name: int(kilobytes) / 1000 for name, kilobytes in rows.items()})
        time.sleep(_BETWEEN_S)
    held = {name: round(median(sample[name] for sample in samples), 1) for name in samples[0]}
    used = bare.shell.ask(
        "awk '/MemTotal/ {t=$2} /MemAvailable/ {a=$2} END {print int((t-a)/1024)}' /proc/meminfo"
    )
    report.detail("idle_ram_by_process_mb", held)
    report.detail("idle_ram_of_the_whole_guest_mb", int(used))
    report.figure("idle_ram_mb", sum(held.values()))
