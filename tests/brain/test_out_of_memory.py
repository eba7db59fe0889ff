"""A brain that the kernel kills for want of memory comes back with less, and says so; one that is just killed comes back as it was."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CHAT_MODEL
from tests.live.memory_group import MemoryGroup
from tests.live.running import CHECKOUT, Running, until

pytestmark = [pytest.mark.models, pytest.mark.root]

MEGABYTE = 1_000_000
LIMIT = 450 * MEGABYTE
HOG = 110 * MEGABYTE  # what another process takes of it: more than the brain was told to leave
SETTINGS = {"brain.model": CHAT_MODEL, "brain.reserve": "0", "brain.saved": "0", "brain.parallel": "2"}


@pytest.fixture
def group() -> Iterator[MemoryGroup]:
    try:
        made = MemoryGroup(LIMIT)
    except OSError as refused:
        pytest.skip(f"no control group can be made here: {refused}")
    with made:
        yield made


@contextmanager
def _hog(group: MemoryGroup) -> Iterator[None]:
    wait = f"x = bytearray(b'x') * {HOG}; print(len(x), flush=True); input()"
    with subprocess.Popen(
        group.command(sys.executable, "-c", wait), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as hog:
        assert hog.stdout
        assert int(hog.stdout.readline()) == HOG
        try:
            yield
        finally:
            hog.kill()


def _start(brain: Running, group: MemoryGroup) -> subprocess.Popen[bytes]:
    with (brain.home / "brain.out").open("ab") as output:
        process = subprocess.Popen(
            group.command(sys.executable, "-m", "agent", "brain"),
            cwd=CHECKOUT,
            env=brain.environment,
            stdout=output,
            stderr=output,
        )
    brain._started.append(process)
    return process


def _ready(brain: Running) -> dict[str, Any]:
    return until(
        lambda: info if (info := brain.answers("brain") or {}).get("ready") else None, 120, "a ready brain"
    )


def _kills() -> int:
    found = re.search(r"^oom_kill (\d+)", Path("/proc/vmstat").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def test_after_a_death_of_too_little_memory_it_makes_do_with_less_and_tells(
    models: Path, tmp_path: Path, group: MemoryGroup
) -> None:
    with Running(tmp_path / "home", SETTINGS) as brain, _hog(group):
        brain.home.mkdir()
        before = _kills()
        assert _start(brain, group).wait(120) == -signal.SIGKILL
        assert _kills() > before, "it died of something else"

        process = _start(brain, group)
        info = _ready(brain)
        assert (info["model"], info["context"]) == (CHAT_MODEL, 2048)
        assert "ran out of memory with SmolLM2" in info["notice"]
        assert any("less room" in sentence for sentence in info["why"])

        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        process = _start(brain, group)
        info = _ready(brain)
        assert info["context"] == 2048, "a plain kill must neither lower nor raise it"

        process.terminate()
        process.wait(30)
        brain.environment["NISSE_BRAIN_CONTEXT"] = "1024"
        _start(brain, group)
        info = _ready(brain)
        assert (info["context"], info["notice"]) == (1024, ""), "other settings are a new beginning"


def test_a_brain_that_is_just_killed_comes_back_as_it_was(models: Path, tmp_path: Path) -> None:
    with Running(tmp_path / "home", SETTINGS | {"brain.context": "1024"}) as brain:
        for _ in range(2):
            process = brain.start("brain", wait_for="brain")
            info = _ready(brain)
            assert (info["context"], info["notice"]) == (1024, "")
            os.kill(process.pid, signal.SIGKILL)
            process.wait(30)
