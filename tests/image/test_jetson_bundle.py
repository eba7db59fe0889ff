"""The Jetson bundle, installed on an Arm root with NVIDIA's mark in it. Emulated; there is no graphics processor and no CUDA."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image import arm_root
from tests.image.arm_root import ArmRoot
from tests.image.report import CHECKOUT, Report

pytestmark = [pytest.mark.image_full, pytest.mark.root, pytest.mark.timeout(5400)]

MODEL = "smollm2-135m-instruct-q4_1"
RELEASE = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025\n"
WHERE = CHECKOUT / "build" / "image" / "jetson"
PYTHON = "/opt/nisse/venv/bin/python"
UBUNTU_GLIBC = 35  # 2.35, of Ubuntu 22.04


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("jetson")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def root(stage: Path) -> ArmRoot:
    """A root with the bundle unpacked in /root."""
    bundles = sorted(WHERE.glob("nisse-jetson-*.tar"), key=os.path.getmtime)
    assert bundles, "there is no bundle; `make bundle BOARD=jetson` makes one"
    made = arm_root.make(WHERE / "arm-root.tar", stage / "root")
    subprocess.run(
        ["tar", "-x", "-f", str(bundles[-1]), "-C", str(made.folder / "root"), "--strip-components=1"],
        check=True,
    )
    return made


def release(root: ArmRoot, text: str) -> None:
    (root.folder / "etc" / "nv_tegra_release").write_text(text)


def install(root: ArmRoot, *words: str) -> tuple[int, str]:
    return root.run("/root/install.sh", *words)


def test_no_library_in_the_bundle_needs_a_newer_c_library_than_jetpack_6_has(root: ArmRoot) -> None:
    found = 0
    for wheel in [
        *(root.folder / "root" / "packages").glob("*.whl"),
        *(root.folder / "root" / "engine").glob("*.whl"),
    ]:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.endswith(".so") or ".so." in name:
                    versions = re.findall(rb"\0GLIBC_2\.(\d+)\0", archive.read(name))
                    found += len(versions)
                    assert max(map(int, versions), default=0) <= UBUNTU_GLIBC, f"{wheel.name}: {name}"
    assert found > 0


def test_what_is_no_jetson_or_too_old_is_refused(root: ArmRoot) -> None:
    status, said = install(root, "--cpu")
    assert status == 1
    assert "no Jetson" in said
    for text, word in ((RELEASE.replace("R36", "R35"), "JetPack 6"), ("gibberish", "does not say")):
        release(root, text)
        status, said = install(root, "--cpu")
        assert status == 1
        assert word in said


def test_without_the_engines_library_it_says_what_to_install(root: ArmRoot) -> None:
    release(root, RELEASE)
    (library,) = (root.folder / "usr" / "lib" / "aarch64-linux-gnu").glob("libgomp.so.1.*")
    away = root.folder / "root" / library.name
    library.rename(away)
    assert root.run("ldconfig")[0] == 0
    status, said = install(root, "--cpu")
    away.rename(library)
    assert root.run("ldconfig")[0] == 0
    assert status == 1
    assert "apt-get install libgomp1" in said


def test_without_cudas_compiler_it_says_what_to_install_and_what_else_there_is(root: ArmRoot) -> None:
    release(root, RELEASE)
    status, said = install(root)
    assert status == 1
    assert "nvcc is not here" in said
    assert "--cpu" in said
    assert not (root.folder / "opt" / "nisse" / "venv").exists()


def test_a_bundle_with_a_changed_file_is_not_installed(root: ArmRoot) -> None:
    release(root, RELEASE)
    lists = root.folder / "root" / "packages" / "house-3.11.txt"
    whole = lists.read_bytes()
    lists.write_bytes(whole + b"evil==1\n")
    status, said = install(root, "--cpu")
    lists.write_bytes(whole)
    assert status == 1
    assert "not whole" in said


def test_it_installs_starts_and_answers_with_a_model(root: ArmRoot, stage: Path, report: Report) -> None:
    release(root, RELEASE)
    model = root.folder / "usr/share/nisse/models" / MODEL
    model.mkdir(parents=True)
    for file in (CHECKOUT / "build" / "models" / MODEL).glob("*.gguf"):
        shutil.copy(file, model)
    began = time.monotonic()
    status, said = install(root, "--cpu")
    assert status == 0, said
    report.detail("jetson_bundle_install_s", round(time.monotonic() - began, 1))
    wants = root.folder / "etc/systemd/system/multi-user.target.wants"
    assert (wants / "nisse.service").is_symlink()
    assert (wants / "nisse-firstboot.service").is_symlink()
    status, groups = root.run("id", "-nG", "nisse-brain")
    assert {"nisse", "video", "render"} <= set(groups.split())
    assert root.run(PYTHON, "-I", "-m", "provisioning.firstboot", "start")[0] == 0
    assert (root.folder / "data/nisse/claim-code").read_text().strip()
    variables = {
        "NISSE_HOME": "/data/nisse",
        "NISSE_RUN": "/run/nisse",
        "NISSE_COMMAND": f"{PYTHON} -I -m provisioning.supervision.launch",
        "NISSE_BRAIN_MODEL": MODEL,
        "NISSE_PORTAL_ANNOUNCE": "no",
    }
    supervisor = (
        f"{PYTHON} -I -m provisioning.supervision --nodaemon --configuration /etc/supervisor/supervisord.conf"
    )
    # systemd reads the file at its start; a network of its own begins without it.
    house = ("sh", "-c", f"sysctl --quiet --load=/usr/lib/sysctl.d/60-nisse.conf && exec {supervisor}")
    with root.running(stage / "house.log", variables, *house) as process:
        process.asked("http://127.0.0.1/healthz", seconds=600)
        ready = {"ready": False}
        until = time.monotonic() + 900
        while not ready["ready"] and time.monotonic() < until:
            ready = json.loads(process.asked("http://127.0.0.1:8701/info", seconds=300))
            time.sleep(5)
        question = {
            "model": MODEL,
            "max_tokens": 12,
            "messages": [{"role": "user", "content": "Say hello."}],
        }
        answer = json.loads(
            process.asked(
                "http://127.0.0.1:8701/v1/chat/completions",
                "--header", "Content-Type: application/json", "--data", json.dumps(question),
                seconds=900,
            )
        )  # fmt: skip
    assert answer["choices"][0]["message"]["content"].strip()


def test_a_second_installation_takes_the_place_of_the_first_and_keeps_what_the_house_knows(
    root: ArmRoot,
) -> None:
    first = (root.folder / "opt/nisse/venv").readlink()
    note = root.folder / "data/nisse/note"
    note.write_text("ours")
    status, said = install(root, "--cpu")
    assert status == 0, said
    assert (root.folder / "opt/nisse/venv").readlink() != first
    assert note.read_text() == "ours"


def test_an_update_that_is_broken_off_leaves_the_version_before(root: ArmRoot) -> None:
    venv, listed = root.folder / "opt/nisse/venv", root.folder / "opt/nisse/files"
    before, of_the_old = venv.readlink(), root.folder / "etc/supervisor/conf.d/old.conf"
    of_the_old.write_text("of the version before")
    with listed.open("a") as files:
        files.write("/etc/supervisor/conf.d/old.conf\n")
    breaking = root.folder / "usr/local/sbin/systemctl"  # the first that is found
    breaking.write_text("#!/bin/sh\nkill -s HUP $PPID\n")
    breaking.chmod(0o755)
    # Not as the first process of its system, which no signal ends.
    status, said = root.run("sh", "-c", "/root/install.sh --cpu; exit $?")
    breaking.unlink()
    assert status != 0, said
    assert venv.readlink() == before
    assert (root.folder / str(before).lstrip("/") / "bin/python").is_symlink()
    assert list((root.folder / "opt/nisse").glob("venv-*/rootfs")) == []
    assert of_the_old.read_text() == "of the version before"
    of_the_old.unlink()


def test_it_can_be_taken_away_and_leaves_what_the_house_knew(root: ArmRoot) -> None:
    files = (root.folder / "opt/nisse/files").read_text().split()
    status, said = install(root, "--remove")
    assert status == 0, said
    assert not (root.folder / "opt/nisse").exists()
    assert not [name for name in files if (root.folder / name.lstrip("/")).exists()]
    assert (root.folder / "data/nisse/note").exists()
