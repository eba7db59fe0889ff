"""The boot partition: GRUB and its counters, a board's firmware, and a place for the files of people.

Owns: the FAT file system's content and how it is written without mounting it.
Does not know: what GRUB's script does (`boot`), nor what a board's firmware needs (the module that the board names).
"""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path, PurePosixPath

from provisioning.image import boot
from provisioning.image.carrying_out import run
from provisioning.image.job import Job
from provisioning.image.rootfs import empty, inside
from provisioning.image.slot import MIB
from provisioning.image.step import Command, Step, Work

SIZE_MIB = 512
_LABEL = "NISSE"
_WORDS = Path(__file__).with_name("esp-readme.txt")


def steps(job: Job) -> tuple[Step, ...]:
    """GRUB for the board's processors, and the file system."""
    kind = job.board.kind
    core = inside(
        job,
        "grub-mkimage",
        f"--format={kind.grub}",
        f"--directory=/usr/lib/grub/{kind.grub}",
        "--prefix=/grub",
        f"--output=/tmp/{kind.boot_file}",  # in the tree, and gone before it is packed
        *boot.GRUB_MODULES,
    )
    return (
        Step(
            name="esp",
            says="the boot partition",
            actions=(
                core,
                Work(f"lay out its files in {job.out / 'esp'}", lambda: _lay_out(job)),
                Work(f"{job.esp}: {SIZE_MIB} MiB of nothing", lambda: _make_room(job.esp)),
                Command(
                    (
                        "mkfs.vfat",
                        "--invariant",
                        "-F",
                        "32",
                        "-n",
                        _LABEL,
                        "-i",
                        job.identity("esp")[:8],
                        str(job.esp),
                    ),
                    job.variables,
                ),
                Work("mmd and mcopy for each file, in order", lambda: _copy(job)),
            ),
        ),
    )


def files(job: Job) -> dict[str, bytes]:
    """What lies on the boot partition, by path."""
    counters = boot.grub_environment()
    found = {
        f"EFI/BOOT/{job.board.kind.boot_file}": (job.tree / "tmp" / job.board.kind.boot_file).read_bytes(),
        "grub/grub.cfg": boot.grub_configuration(console=job.board.console).encode(),
        "grub/grubenv": counters,
        "grub/grubenv.bak": counters,
        "README.txt": _WORDS.read_bytes().replace(b"\n", b"\r\n"),
    }
    if job.board.firmware:
        module = importlib.import_module(f"provisioning.image.{job.board.firmware}")
        found |= module.esp_files(job.tree)
    return found


def _lay_out(job: Job) -> None:
    folder = job.out / "esp"
    empty(folder)
    for name, content in files(job).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _make_room(file: Path) -> None:
    file.unlink(missing_ok=True)
    with file.open("wb") as out:
        out.truncate(SIZE_MIB * MIB)


def _copy(job: Job) -> None:
    folder, log = job.out / "esp", job.out / "build.log"
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    folders = sorted({str(parent) for name in names for parent in PurePosixPath(name).parents} - {"."})
    for each in folders:
        run(Command(("mmd", "-i", str(job.esp), f"::/{each}"), job.variables), log)
    for name in names:
        os.utime(folder / name, (job.epoch, job.epoch))
        words = ("mcopy", "-m", "-i", str(job.esp), str(folder / name), f"::/{name}")
        run(Command(words, job.variables), log)
    shutil.rmtree(folder)
