"""The installer on machines that are not meant: it says so, and touches nothing.

Machines are made up by programs that stand first in the path; what it does on an Arm root is tested with the image.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.source_tree import CHECKOUT

SCRIPT = CHECKOUT / "provisioning" / "jetson" / "install.sh"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(SCRIPT, tmp_path / "install.sh")
    (tmp_path / "bin").mkdir()
    return tmp_path


def pretend(folder: Path, program: str, says: str) -> None:
    path = folder / "bin" / program
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)


def run(folder: Path, *words: str) -> tuple[int, str]:
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        [folder / "install.sh", *words], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_who_is_not_root_is_told_how_to_become_it(folder: Path) -> None:
    pretend(folder, "id", "1000")
    status, said = run(folder)
    assert status == 1
    assert "Run: sudo" in said


def test_another_processor_is_refused_with_what_fits_it(folder: Path) -> None:
    pretend(folder, "id", "0")
    pretend(folder, "uname", "x86_64")
    status, said = run(folder)
    assert status == 1
    assert "this one is x86_64" in said
    assert "image 'pc'" in said


@pytest.mark.skipif(Path("/etc/nv_tegra_release").exists(), reason="this is a Jetson")
def test_an_arm_machine_without_nvidias_system_is_refused(folder: Path) -> None:
    pretend(folder, "id", "0")
    pretend(folder, "uname", "aarch64")
    status, said = run(folder)
    assert status == 1
    assert "/etc/nv_tegra_release" in said
    assert not Path("/opt/nisse/files.new").exists()


def test_an_unknown_word_gets_the_usage(folder: Path) -> None:
    status, said = run(folder, "--gpu")
    assert status == 1
    assert "usage:" in said


@pytest.mark.skipif(Path("/opt/nisse/files").exists(), reason="Nisse is installed here")
def test_there_is_nothing_to_remove_where_nothing_was_installed(folder: Path) -> None:
    pretend(folder, "id", "0")
    status, said = run(folder, "--remove")
    assert status == 1
    assert "not installed" in said
