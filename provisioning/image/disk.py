"""The disk image: a GPT with the boot partition and slot A, put together by offsets in a file.

Owns: which partition lies where and what it is called.
Does not know: what is in them. Slot B (3) and data (4) are made by the box at its first start, as large as the medium allows.
"""

from __future__ import annotations

from pathlib import Path

from provisioning.image.esp import SIZE_MIB
from provisioning.image.job import Job
from provisioning.image.slot import MIB
from provisioning.image.step import Command, Step, Work

_SECTOR = 512
_PER_MIB = MIB // _SECTOR
_ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_FIRST_MIB = 1
_SLOT_MIB = _FIRST_MIB + SIZE_MIB  # where slot A begins
_LAST_MIB = 1  # for the second copy of the table


def steps(job: Job) -> tuple[Step, ...]:
    """The table, and the file systems in their places."""
    table = job.out / "partitions.sfdisk"
    return (
        Step(
            name="disk",
            says="the partitions esp and root_a",
            actions=(
                Work(f"write {table}, and {job.image} as large as it says", lambda: _prepare(job, table)),
                Command(("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", str(job.image)), job.variables, table),
                _copying(job.esp, job.image, _FIRST_MIB),
                _copying(job.slot, job.image, _SLOT_MIB),
                Command(("sfdisk", "--verify", str(job.image)), job.variables),
            ),
        ),
    )  # fmt: skip


def layout(job: Job, slot_mib: int) -> str:
    """sfdisk's script. Partitions have names and seeded identities; a box draws slot A's anew at its first start."""
    return (
        f"label: gpt\nlabel-id: {job.identity('disk')}\nunit: sectors\nfirst-lba: {_FIRST_MIB * _PER_MIB}\n"
        f"1 : start={_FIRST_MIB * _PER_MIB}, size={SIZE_MIB * _PER_MIB}, type={_ESP_TYPE}, "
        f'uuid={job.identity("esp partition")}, name="esp"\n'
        f"2 : start={_SLOT_MIB * _PER_MIB}, size={slot_mib * _PER_MIB}, type={job.board.kind.root_type}, "
        f'uuid={job.identity("root_a partition")}, name="root_a"\n'
    )


def size_mib(slot_mib: int) -> int:
    """How large the image is."""
    return _SLOT_MIB + slot_mib + _LAST_MIB


def _prepare(job: Job, table: Path) -> None:
    slot_mib = job.slot.stat().st_size // MIB
    table.write_text(layout(job, slot_mib), encoding="utf-8")
    for old in job.out.glob("nisse-*.img"):
        old.unlink()
    with job.image.open("wb") as out:
        out.truncate(size_mib(slot_mib) * MIB)


def _copying(source: Path, image: Path, mib: int) -> Command:
    words = (
        "dd",
        f"if={source}",
        f"of={image}",
        "bs=1M",
        f"seek={mib}",
        "conv=notrunc,sparse",
        "status=none",
    )
    return Command(words)
