"""The file system of one slot: everything of the tree, nothing that changes, and the same bytes for the same tree.

Owns: its size, its features, and taking the builder's clock out of it.
Does not know: where on a disk it goes (`disk`).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from agent.errors import UnavailableError
from provisioning.image.carrying_out import run
from provisioning.image.furnishing import finish
from provisioning.image.job import Job
from provisioning.image.step import Command, Step, Work

MIB = 1024 * 1024
_BLOCK = 4096
_INODE = 256
_ROOM = 1.3  # the next version is larger, and has to fit into the slot of today
_SPARE_MIB = 128
_STEP_MIB = 256
# GRUB reads the slot: it does not know the newer features. No journal: nothing is ever written.
_FEATURES = "^has_journal,^metadata_csum_seed,^orphan_file"
_TIMES = ("atime", "ctime", "crtime")


def steps(job: Job) -> tuple[Step, ...]:
    """Closing the tree and packing it."""
    return (
        Step(
            name="slot",
            says="the slot's file system",
            actions=(
                Work("remove what only the build needed; date everything", lambda: finish(job)),
                Work(
                    f"{' '.join(command(job, 0).words[:-1])} SIZE, which is what the tree takes x {_ROOM} + {_SPARE_MIB} MiB, "
                    f"at least {job.board.root_mib} MiB",
                    lambda: _make(job),
                ),
                Work("set every inode's times to the image's", lambda: _date(job)),
                Command(("e2fsck", "-f", "-n", str(job.slot)), job.variables),
            ),
        ),
    )


def command(job: Job, mib: int) -> Command:
    """How the file system is made."""
    words = (
        "mke2fs",
        "-q",
        "-F",
        "-t",
        "ext4",
        "-O",
        _FEATURES,
        "-m",
        "0",
        "-U",
        job.identity("root_a"),
        "-E",
        f"hash_seed={job.identity('hash')},lazy_itable_init=0,root_owner=0:0",
        "-d",
        str(job.tree),
        str(job.slot),
        f"{mib}m",
    )
    return Command(words, job.variables)


def size_mib(taken: int, least: int) -> int:
    """How large a slot is for a tree that takes so many bytes, in MiB."""
    wanted = max(taken * _ROOM / MIB + _SPARE_MIB, least)
    return int(-(-wanted // _STEP_MIB) * _STEP_MIB)


def taken(tree: Path) -> int:
    """Bytes that the tree takes in a file system."""
    seen: set[int] = set()
    total = 0
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            status = (Path(folder) / name).lstat()
            if status.st_ino not in seen:
                seen.add(status.st_ino)
                total += -(-status.st_size // _BLOCK) * _BLOCK + _INODE
    return total


def _make(job: Job) -> None:
    job.slot.unlink(missing_ok=True)
    run(command(job, size_mib(taken(job.tree), job.board.root_mib)), job.out / "build.log")


def _date(job: Job) -> None:
    """Each inode has the time at which the builder's own file system changed it; that is of no use to anybody."""
    told = _ask(job, "dumpe2fs", str(job.slot))
    script = job.out / "times.debugfs"
    with script.open("w", encoding="utf-8") as out:
        for inode in used_inodes(told):
            for field in _TIMES:
                out.write(f"set_inode_field <{inode}> {field} @{job.epoch}\n")
                out.write(f"set_inode_field <{inode}> {field}_extra 0\n")
    _ask(job, "debugfs", "-w", "-f", str(script), str(job.slot))
    script.unlink()


def used_inodes(described: str) -> Iterator[int]:
    """The inodes in use, from what dumpe2fs says of a file system."""
    count = re.search(r"^Inode count:\s+(\d+)$", described, re.MULTILINE)
    if not count:
        raise UnavailableError(
            "dumpe2fs says nothing of inodes.", hint="Is e2fsprogs 1.47 or newer installed?"
        )
    free: set[int] = set()
    for line in re.findall(r"^  Free inodes: (.*)$", described, re.MULTILINE):
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", line):
            free.update(range(int(first), int(last or first) + 1))
    return (inode for inode in range(1, int(count[1]) + 1) if inode not in free)


def _ask(job: Job, *words: str) -> str:
    told = subprocess.run(words, capture_output=True, text=True, env=os.environ | job.variables, check=False)  # noqa: S603
    if told.returncode:
        raise UnavailableError(f"{words[0]} failed.", hint=told.stderr[-1000:])
    return told.stdout
