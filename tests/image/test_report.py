"""Which tests of the image failed, as pytest itself says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.image.report import failed_tests

_TESTS = """
import pytest

@pytest.fixture
def broken():
    raise OSError

def test_that_passes():
    pass

def test_that_fails():
    assert not "at all"

def test_that_cannot_begin(broken):
    pass

@pytest.mark.skip
def test_that_is_passed_over():
    pass
"""


def test_whatever_failed_or_could_not_begin_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_box.py").write_text(_TESTS)
    outcomes = tmp_path / "outcomes.xml"
    words = (
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"--junitxml={outcomes}",
        "test_box.py",
    )
    assert subprocess.run(words, check=False, cwd=tmp_path, capture_output=True).returncode == 1
    assert failed_tests(outcomes) == ["test_box::test_that_fails", "test_box::test_that_cannot_begin"]


def test_a_run_that_wrote_nothing_is_not_one_without_faults(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        failed_tests(tmp_path / "outcomes.xml")
