"""The units of a program under the image's own systemd, in a container in place of a machine: what cannot be mounted and what breaks down
is put back by the starts themselves, within seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioning.image.program import Wish, pack

pytestmark = [
    pytest.mark.image,
    pytest.mark.root,
    pytest.mark.skipif(
        os.geteuid() != 0 or "\tsquashfs\n" not in Path("/proc/filesystems").read_text(),
        reason="root, and a kernel that mounts SquashFS",
    ),
]
_LONGEST_S = 60.0
# A house of two lines: with a program it ends after two seconds, without one it stays.
_HOUSE = """
[Unit]
DefaultDependencies=no
Wants=nisse-program.service
After=nisse-program.service
[Service]
Type=exec
Restart=always
RestartSec=1
MountImages=-/run/nisse/program.raw:/opt/nisse
ExecStart=/bin/sh -c 'echo "$(grep -c squashfs /proc/self/mountinfo)" >>/data/runs; sleep 2; [ -e /run/nisse/program.raw ] && exit 3; exec sleep 1000'
"""
_NOTHING = (
    "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
)
_EARLY = "[Unit]\nDefaultDependencies=no\n"
_WANTS = "[Unit]\nDefaultDependencies=no\nWants=nisse-program-trial.service\n"
_CANDIDATE = """
import pathlib, sys, time
from provisioning.box.places import Places
from provisioning.programs.state import Book, Candidate, Program, State
book = Book(Places())
[file] = book.folder.glob("*.raw")
program = Program(sha256=file.stem, size=file.stat().st_size, version="99.1", architecture="amd64", python=sys.argv[1],
                  needs_system="0.5.0", reads="0.5.0", readable_by="0.5.0")
book.write(State(candidate=Candidate(program=program, since=time.time())))
"""
_START = """
set -e
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $folder; done
for name in null zero random urandom full tty; do
    touch dev/$name
    mount --bind /dev/$name dev/$name
done
# The kernel makes these when somebody asks for one that is free, and names them where this container does not look.
mknod dev/loop-control c 10 237
for number in 0 1 2 3 4 5 6 7; do mknod dev/loop$number b 7 $number; done
mkdir dev/pts dev/shm run/nisse
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
chroot . /opt/nisse/venv/bin/python -I -c "$4" "$3"
exec chroot . /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=test.target --log-target=null
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """On a real disk: an overlay takes no other for its upper layer."""
    made = Path(tempfile.mkdtemp(prefix="nisse-units-", dir="/var/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group of the container's own."""
    unified = Path("/sys/fs/cgroup/unified")
    top = unified if unified.is_dir() else Path("/sys/fs/cgroup")
    made = top / f"nisse-units-{os.getpid()}"
    made.mkdir()
    yield made
    for each in sorted(made.rglob("*/"), reverse=True):
        if each.is_dir():
            each.rmdir()
    made.rmdir()


def lay(upper: Path, program: Path) -> None:
    """What differs from the image."""
    import hashlib

    units = upper / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "nisse.service").write_text(_HOUSE)
    (units / "test.target").write_text(_WANTS)
    (units / "nisse-firstboot.service").write_text(_NOTHING)
    for name in ("nisse-program", "nisse-program-trial"):
        (units / f"{name}.service.d").mkdir()
        (units / f"{name}.service.d/early.conf").write_text(_EARLY)
    (upper / "data/programs").mkdir(parents=True)
    shutil.copyfile(program, upper / f"data/programs/{hashlib.sha256(program.read_bytes()).hexdigest()}.raw")


def outcome(tree: Path, folder: Path, group: Path, program: Path) -> tuple[dict[str, Any], str]:
    """How the box's state ends, and which of the house's starts had a program."""
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    lay(folder / "upper", program)
    [python] = (tree / "opt/nisse/venv/lib").glob("python3.*")
    unshare = ("unshare", "--pid", "--fork", "--mount", "--uts", "--ipc", "--cgroup", "--kill-child=KILL")
    words = ("/bin/sh", "-c", _START, "start", str(tree), str(folder), python.name.removeprefix("python"), _CANDIDATE)  # fmt: skip
    process = subprocess.Popen(
        [*unshare, *words],
        preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())),  # noqa: PLW1509
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    state, runs = folder / "upper/data/programs/state.json", folder / "upper/data/runs"
    try:
        end = time.monotonic() + _LONGEST_S
        while time.monotonic() < end:
            assert process.poll() is None, "the container has ended"
            said = json.loads(state.read_text())["sealed"] if state.exists() else {}
            if said.get("last") and runs.exists() and runs.read_text().endswith("0\n"):
                return said, runs.read_text()
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
        time.sleep(1)  # the kernel ends what was in the container
    raise AssertionError("it was not put back")


def test_one_that_breaks_down_is_put_back_by_its_third_start(image: Path, folder: Path, group: Path) -> None:
    tree = folder / "small"
    packages = tree / "opt/nisse/venv/lib/python3.13/site-packages"
    (packages / "provisioning/programs").mkdir(parents=True)
    (packages / "nisse-99.1.dist-info").mkdir()
    built = image.parent / "root"
    [compatible] = built.glob(
        "opt/nisse/venv/lib/python3.*/site-packages/provisioning/programs/compatible.toml"
    )
    shutil.copy(compatible, packages / "provisioning/programs")
    shutil.copytree(built / "etc/supervisor", tree / "etc/supervisor")
    made = pack(Wish(tree=tree, architecture="amd64", epoch=1, folder=folder / "made"))
    state, runs = outcome(built, folder, group, made)
    assert runs.split() == ["1", "1", "0"], "twice with the program, then without"
    assert state["last"]["reason"] == "crashed"
    assert state["candidate"] is None


def test_one_that_cannot_be_mounted_is_put_back_too(image: Path, folder: Path, group: Path) -> None:
    garbage = folder / "garbage"
    garbage.write_bytes(os.urandom(100_000))
    state, runs = outcome(image.parent / "root", folder, group, garbage)
    assert runs.split() == ["0"]
    assert state["last"]["reason"] == "does_not_start"
