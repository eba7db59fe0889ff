"""Every line of the mail checklist is proved by some test, and no test names a line that is not there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.live.running import CHECKOUT
from tests.mail.checklist import LINES


@pytest.fixture(scope="module")
def named() -> set[str]:
    """The lines that tests name, as pytest itself collects them."""
    listed = subprocess.run(
        [sys.executable, "-m", "tests.mail.matrix", "--collect-only"],
        cwd=CHECKOUT,
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert listed.returncode == 0, listed.stderr[-3000:]
    return set(json.loads(listed.stdout))


@pytest.mark.parametrize("line", LINES)
def test_a_line_has_a_test(named: set[str], line: str) -> None:
    assert line in named, f"no test is marked with rule({line!r}): {LINES[line]}"


def test_every_mark_names_a_line(named: set[str]) -> None:
    assert named <= set(LINES)
