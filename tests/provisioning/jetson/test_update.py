"""The installer, from one version to the next, in a folder instead of a system: what stays when it comes to no end.

The system's programs are made up; Python, its packages and the house among them.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.source_tree import CHECKOUT

SCRIPT = CHECKOUT / "provisioning" / "jetson" / "install.sh"
UNIT, ONLY_OLD, ONLY_NEW = "usr/lib/nisse.service", "etc/supervisor/old.conf", "etc/supervisor/new.conf"
OLD, NEW = {UNIT: "the old unit", ONLY_OLD: "old"}, {UNIT: "the new unit", ONLY_NEW: "new"}

PYTHON = """case "$*" in
*healthz*) [ -e {stage}/answers ] ;;
*version_info*) echo 3.11 ;;
"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
esac"""
# It is cut off once: as by Ctrl-C, or by a line to the terminal that breaks.
SYSTEMCTL = """echo "$*" >>{stage}/asked
case "$1" in restart) if [ -s {stage}/cut ]; then
    signal=$(cat {stage}/cut); rm {stage}/cut; kill -s "$signal" $PPID $$
fi ;; esac"""


@dataclass
class Device:
    """A Jetson in a folder, and a bundle for each version beside it."""

    stage: Path

    @property
    def root(self) -> Path:
        return self.stage / "root"

    @property
    def venv(self) -> Path:
        return self.root / "opt/nisse/venv"

    def pretend(self, program: str, does: str = "") -> None:
        path = self.stage / "bin" / program
        path.write_text(f"#!/bin/sh\n{does.replace('{stage}', str(self.stage))}\n")
        path.chmod(0o755)

    def bundle(self, version: str, files: dict[str, str]) -> Path:
        folder = self.stage / version
        for name, content in {
            "VERSION": version,
            "packages/house-3.11.txt": "",
            "engine/engine.whl": "",
            "nisse-1.whl": "",
            **{f"rootfs/{name}": content for name, content in files.items()},
        }.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        script = (
            SCRIPT.read_text().replace("\nroot= ", f"\nroot={self.root} ").replace("start_s=300", "start_s=1")
        )
        (folder / "install.sh").write_text(script)
        (folder / "install.sh").chmod(0o755)
        return folder / "install.sh"

    def run(self, script: Path, word: str = "--cpu") -> tuple[int, str]:
        path = f"{self.stage / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            ["env", "--default-signal", f"PATH={path}", script, word],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def cut(self, signal: str) -> None:
        (self.stage / "cut").write_text(signal)

    def laid_out(self) -> dict[str, str]:
        found = {name: self.root / name for name in (UNIT, ONLY_OLD, ONLY_NEW)}
        return {name: path.read_text() for name, path in found.items() if path.exists()}

    def environments(self) -> list[Path]:
        return list((self.root / "opt/nisse").glob("venv-*"))


@pytest.fixture
def device(tmp_path: Path) -> Device:
    """One that runs, and on which a house would answer."""
    made = Device(tmp_path)
    for folder in ("bin", "root/etc", "root/run/systemd/system"):
        (tmp_path / folder).mkdir(parents=True)
    (made.root / "etc/nv_tegra_release").write_text("# R36 (release), REVISION: 4.3\n")
    for program, says in (("id", "0"), ("uname", "aarch64"), ("df", "9000"), ("ldconfig", "libgomp.so.1")):
        made.pretend(program, f"echo {says}")
    for program in ("sha256sum", "sysctl", "systemd-sysusers", "systemd-tmpfiles", "hostname", "sleep"):
        made.pretend(program)
    made.pretend("python3", PYTHON)
    made.pretend("systemctl", SYSTEMCTL)
    (tmp_path / "answers").touch()
    return made


@pytest.fixture
def old(device: Device) -> Path:
    """The environment of a version that runs."""
    status, said = device.run(device.bundle("1", OLD))
    assert status == 0, said
    return device.venv.readlink()


def assert_as_before(device: Device, old: Path) -> None:
    assert device.venv.readlink() == old
    assert device.environments() == [old]
    assert (old / "bin/python").exists()
    assert not (old / "rootfs").exists()
    assert device.laid_out() == OLD
    assert 'version = "1"' in (device.root / "etc/nisse/image.toml").read_text()
    assert ONLY_NEW not in (device.root / "opt/nisse/files").read_text()


def test_an_update_lays_out_what_is_new_and_takes_away_what_is_no_more(device: Device, old: Path) -> None:
    status, said = device.run(device.bundle("2", NEW))
    assert status == 0, said
    assert device.venv.readlink().name.startswith("venv-2-")
    assert sorted(device.environments()) == sorted([old, device.venv.readlink()])
    assert device.laid_out() == NEW
    assert 'version = "2"' in (device.root / "etc/nisse/image.toml").read_text()
    assert not (old / "rootfs").exists()


@pytest.mark.parametrize("signal", ["INT", "HUP", "TERM"])
def test_an_update_that_is_cut_off_while_the_house_starts_leaves_the_version_before(
    device: Device, old: Path, signal: str
) -> None:
    device.cut(signal)
    status, _ = device.run(device.bundle("2", NEW))
    assert status != 0
    assert_as_before(device, old)
    asked = (device.stage / "asked").read_text().splitlines()
    assert asked[-2:] == ["daemon-reload", "restart nisse-firstboot.service nisse.service"]


def test_an_update_that_does_not_answer_gives_way_to_the_version_before(device: Device, old: Path) -> None:
    (device.stage / "answers").unlink()
    status, said = device.run(device.bundle("2", NEW))
    assert status == 1
    assert "the one before it runs again" in said
    assert_as_before(device, old)


def test_an_update_that_fails_before_anything_is_switched_leaves_the_files_before(
    device: Device, old: Path
) -> None:
    device.pretend("systemd-tmpfiles", "exit 1")
    assert device.run(device.bundle("2", NEW))[0] != 0
    assert_as_before(device, old)
    device.pretend("systemd-tmpfiles")
    status, said = device.run(device.bundle("2", NEW))
    assert status == 0, said
    assert device.laid_out() == NEW
    assert 'version = "2"' in (device.root / "etc/nisse/image.toml").read_text()


def test_a_first_installation_that_is_cut_off_while_the_house_starts_is_kept(device: Device) -> None:
    device.cut("INT")
    assert device.run(device.bundle("1", OLD))[0] != 0
    assert (device.venv / "bin/python").exists()
    assert device.laid_out() == OLD


def test_a_first_installation_that_comes_to_no_end_before_leaves_no_environment(device: Device) -> None:
    device.pretend("systemd-tmpfiles", "exit 1")
    assert device.run(device.bundle("1", OLD))[0] != 0
    assert not device.environments()
    status, said = device.run(device.bundle("1", OLD), "--remove")
    assert status == 0, said
    assert device.laid_out() == {}
