"""The lock file as the target sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import SettingsError
from provisioning.image import pins
from tests.provisioning.image.conftest import LOCK


def test_a_line_holds_by_the_targets_python_not_by_the_builders() -> None:
    for python, version in (("3.11", "2.4.6"), ("3.13", "2.5.5")):
        found = {pin.name: pin for pin in pins.for_target(LOCK, python=python, machine="x86_64")}
        assert found["numpy"].version == version
        assert "colorama" not in found


def test_every_hash_is_kept() -> None:
    flask = pins.for_target(LOCK, python="3.13", machine="x86_64")[0]
    assert flask.line == "flask==3.1.3 --hash=sha256:aa --hash=sha256:bb"


@pytest.mark.parametrize("line", ["flask==3.1.3", "flask>=3 --hash=sha256:aa", "flask --hash=sha256:aa"])
def test_what_is_not_pinned_by_version_and_hash_is_refused(line: str) -> None:
    with pytest.raises(SettingsError, match="does not pin flask"):
        pins.for_target(line, python="3.13", machine="x86_64")


def test_the_projects_own_lock_file_can_be_read_for_both_architectures() -> None:
    lock = (Path(__file__).parents[3] / "provisioning" / "lock" / "run.txt").read_text()
    for machine in ("x86_64", "aarch64"):
        names = [pin.name for pin in pins.for_target(lock, python="3.13", machine=machine)]
        assert {"flask", "llama-cpp-python", "onnxruntime", "pip"} <= set(names)
        assert len(names) == len(set(names))
