"""Signs of life: a promise is a file's time, and nothing that stands in the way of one harms whoever promises."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from agent import alive


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / alive.FOLDER).mkdir()
    return tmp_path


def test_a_process_promises_only_where_supervisord_started_it_and_somebody_looks(run: Path) -> None:
    assert alive.sign({"NISSE_RUN": str(run), "SUPERVISOR_PROCESS_NAME": "x"}) == run / "alive" / "x"
    assert alive.sign({"NISSE_RUN": str(run)}) is None
    assert alive.sign({"SUPERVISOR_PROCESS_NAME": "x"}) is None
    assert alive.sign({"NISSE_RUN": str(run / "nowhere"), "SUPERVISOR_PROCESS_NAME": "x"}) is None
    assert alive.sign({"NISSE_RUN": str(run), "SUPERVISOR_PROCESS_NAME": "../x"}) is None


def test_a_promise_is_read_as_it_was_given_and_writes_nothing(run: Path) -> None:
    until = time.monotonic() + 180
    alive.promise(run / "alive" / "channel-mail", until)
    assert alive.promised(run, "channel-mail") == pytest.approx(until, abs=0.001)
    alive.promise(run / "alive" / "channel-mail", until + 20)
    assert alive.promised(run, "channel-mail") == pytest.approx(until + 20, abs=0.001)
    assert (run / "alive" / "channel-mail").stat().st_size == 0


def test_who_never_promised_anything_breaks_no_promise(run: Path) -> None:
    assert alive.promised(run, "portal") == math.inf


def test_a_link_in_the_way_is_not_followed(run: Path) -> None:
    other = run / "other"
    other.touch()
    before = other.stat().st_mtime
    (run / "alive" / "channel-mail").symlink_to(other)
    with pytest.raises(OSError, match="symbolic"):
        alive.promise(run / "alive" / "channel-mail", 1.0)
    assert other.stat().st_mtime == before
