"""A death of too little memory is noticed at the next start, and no other end is taken for one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.brain.deaths import Deaths

MODEL = "qwen"


class Kernel:
    """The few files of /proc and /sys that tell of such deaths."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.boot("first")
        self.kills(0)

    def boot(self, name: str) -> None:
        self._write("proc/sys/kernel/random/boot_id", f"{name}\n")

    def kills(self, count: int) -> None:
        self._write("proc/vmstat", f"pgfault 123\noom_kill {count}\ndrop_pagecache 0\n")

    def group(self, events: str, *, version: int = 2) -> None:
        line, folder = (
            ("0::/box/brain", "sys/fs/cgroup/box/brain/memory.events")
            if version == 2
            else ("4:memory:/box/brain", "sys/fs/cgroup/memory/box/brain/memory.oom_control")
        )
        self._write("proc/self/cgroup", f"9:name=systemd:/elsewhere\n{line}\n")
        self._write(folder, events)

    def _write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path / "root")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "serving.json"


def _start(file: Path, kernel: Kernel, conditions: str = "these") -> Deaths:
    return Deaths(file, conditions=conditions, root=kernel.root)


def _serve(file: Path, kernel: Kernel, conditions: str = "these") -> Deaths:
    deaths = _start(file, kernel, conditions)
    deaths.begins(MODEL, "Qwen", 4096)
    return deaths


def test_nothing_happened_yet(file: Path, kernel: Kernel) -> None:
    deaths = _start(file, kernel)
    assert (deaths.counts, deaths.notice) == ({}, "")


def test_a_kill_for_want_of_memory_is_noticed_and_told(file: Path, kernel: Kernel) -> None:
    _serve(file, kernel)
    kernel.kills(1)
    deaths = _start(file, kernel)
    assert deaths.counts == {MODEL: 1}
    assert "ran out of memory with Qwen and conversations of 4096 tokens" in deaths.notice


@pytest.mark.parametrize("version", [1, 2])
def test_a_kill_in_our_own_group_is_noticed_too(file: Path, kernel: Kernel, version: int) -> None:
    before = "low 0\noom 0\noom_kill 3\noom_group_kill 0\n" if version == 2 else "under_oom 0\noom_kill 3\n"
    kernel.group(before, version=version)
    _serve(file, kernel)
    assert _start(file, kernel).counts == {}
    _serve(file, kernel)
    kernel.group(before.replace("oom_kill 3", "oom_kill 4"), version=version)
    assert _start(file, kernel).counts == {MODEL: 1}


@pytest.mark.parametrize("version", [1, 2])
def test_a_kill_elsewhere_is_none_of_ours_where_we_have_a_group(
    file: Path, kernel: Kernel, version: int
) -> None:
    kernel.group("oom_kill 3\n", version=version)
    _serve(file, kernel)
    kernel.kills(7)
    deaths = _start(file, kernel)
    assert (deaths.counts, deaths.notice) == ({}, "")


def test_what_was_killed_while_we_lived_on_were_others(file: Path, kernel: Kernel) -> None:
    deaths = _serve(file, kernel)
    kernel.kills(1)
    deaths.survives()
    assert _start(file, kernel).counts == {}
    kernel.kills(2)
    assert _start(file, kernel).counts == {MODEL: 1}


def test_to_survive_writes_nothing_unless_somebody_was_killed(file: Path, kernel: Kernel) -> None:
    deaths = _serve(file, kernel)
    before = file.stat().st_ino
    deaths.survives()
    assert file.stat().st_ino == before
    deaths.ends()
    kernel.kills(1)
    deaths.survives()
    assert json.loads(file.read_text())["serving"] is None


def test_a_plain_kill_changes_nothing(file: Path, kernel: Kernel) -> None:
    _serve(file, kernel)
    for _ in range(3):
        deaths = _serve(file, kernel)
        assert (deaths.counts, deaths.notice) == ({}, "")


def test_an_end_in_good_order_is_no_death_whatever_the_kernel_kills(file: Path, kernel: Kernel) -> None:
    _serve(file, kernel).ends()
    kernel.kills(5)
    assert _start(file, kernel).counts == {}


def test_deaths_add_up_and_are_remembered_over_plain_kills(file: Path, kernel: Kernel) -> None:
    for kills in (1, 2):
        _serve(file, kernel)
        kernel.kills(kills)
    _serve(file, kernel)
    _serve(file, kernel)
    deaths = _start(file, kernel)
    assert deaths.counts == {MODEL: 2}
    assert deaths.notice


def test_a_death_is_counted_once(file: Path, kernel: Kernel) -> None:
    _serve(file, kernel)
    kernel.kills(1)
    assert _start(file, kernel).counts == {MODEL: 1}
    assert _start(file, kernel).counts == {MODEL: 1}


@pytest.mark.parametrize("what", ["boot", "conditions"])
def test_a_new_boot_or_other_conditions_let_the_model_try_again(
    file: Path, kernel: Kernel, what: str
) -> None:
    _serve(file, kernel)
    kernel.kills(1)
    _serve(file, kernel)
    if what == "boot":
        kernel.boot("second")
    deaths = _start(file, kernel, conditions="these" if what == "boot" else "others")
    assert (deaths.counts, deaths.notice) == ({}, "")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"boot": "first"}', '{"deaths": 3}', "\x00\x01"])
def test_a_torn_file_counts_as_none(file: Path, kernel: Kernel, content: str) -> None:
    file.write_text(content)
    assert _start(file, kernel).counts == {}


def test_a_disk_that_takes_nothing_stops_nothing(tmp_path: Path, kernel: Kernel) -> None:
    deaths = _serve(tmp_path / "missing" / "serving.json", kernel)
    deaths.ends()
    assert deaths.counts == {}


def test_every_end_without_order_is_counted_once_and_none_with_it(file: Path, kernel: Kernel) -> None:
    _serve(file, kernel)
    deaths = _start(file, kernel)
    assert (deaths.crashes, deaths.counts) == ({MODEL: 1}, {})
    assert _start(file, kernel).crashes == {MODEL: 1}  # a start that got no further than that
    deaths = _serve(file, kernel)
    deaths.ends()
    assert _start(file, kernel).crashes == {MODEL: 1}
    _serve(file, kernel)
    kernel.kills(1)
    deaths = _start(file, kernel)
    assert (deaths.crashes, deaths.counts) == ({MODEL: 2}, {MODEL: 1})
    kernel.boot("second")
    assert _start(file, kernel).crashes == {}
