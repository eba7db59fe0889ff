"""supervisord with the box's own files, on a desk."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import processes
from agent.errors import UnreachableError
from tests.live.running import CHECKOUT, House, Running, until

PROGRAMS = {path.stem for path in (CHECKOUT / "rootfs/etc/supervisor/conf.d").glob("*.conf")}


def test_every_process_is_there_and_a_killed_one_comes_back(short_path: Path) -> None:
    with House(short_path / "home") as house:
        assert {process.name for process in processes.states(house.settings)} == PROGRAMS
        until(lambda: house.state("conversation") == "RUNNING", 30, "conversation")
        before = house.pid("conversation")
        house.kill("conversation")
        until(
            lambda: house.state("conversation") == "RUNNING" and house.pid("conversation") not in (0, before),
            30,
            "conversation again",
        )


def test_without_a_supervisor_the_error_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="make run"):
        processes.states(Running(tmp_path).settings)


def test_a_process_restarts_itself_when_its_settings_change(short_path: Path) -> None:
    from agent import settings

    with House(short_path / "other") as house:
        before = house.pid("conversation")
        settings.save(house.home, {"conversation.max_answer": 50})
        until(lambda: house.pid("conversation") not in (0, before), 30, "a fresh conversation")
