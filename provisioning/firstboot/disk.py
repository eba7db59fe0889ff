"""Which partitions belong to the disk that we run from, by their names in the partition table.

Owns: reading the kernel's list, and the links to the partitions under /run/nisse/disk.
Does not know: what is on them.

Only the disk of the running system is looked at: a second medium with an older Nisse in the same box has partitions of the same names.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from agent.errors import StorageError

_SECTOR = 512  # the unit of the kernel's list, whatever the medium's own is


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One partition."""

    name: str  # in the partition table
    device: str  # such as sda2
    number: int
    start: int  # bytes
    size: int  # bytes


@dataclass(frozen=True, kw_only=True)
class Disk:
    """The disk that the system runs from."""

    device: str  # such as sda
    size: int  # bytes
    partitions: tuple[Partition, ...]

    def partition(self, name: str) -> Partition | None:
        """The partition of that name, if there is one."""
        return next((one for one in self.partitions if one.name == name), None)

    @property
    def free_at_end(self) -> int:
        """Bytes behind the last partition."""
        return self.size - max((one.start + one.size for one in self.partitions), default=0)


def own(sys: Path = Path("/sys"), device_number: int | None = None) -> Disk:
    """The disk of the running system.

    Args:
        sys: The kernel's list.
        device_number: Of the root file system; by default it is asked for.

    Raises:
        StorageError: The root file system lies on no partition.
    """
    number = os.stat("/").st_dev if device_number is None else device_number  # noqa: PTH116 - the number is what matters
    place = sys / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    if not (place / "partition").exists():
        raise StorageError(
            "The system does not run from a partition of a disk.",
            hint="Write the image onto a card, a stick or a disk.",
        )
    whole = place.resolve().parent
    found = [_partition(folder) for folder in whole.iterdir() if (folder / "partition").exists()]
    return Disk(
        device=_device(whole),
        size=_number(whole / "size") * _SECTOR,
        partitions=tuple(sorted(found, key=lambda one: one.start)),
    )


def named(disk: Disk, table: str) -> Disk:
    """The same disk, its partitions named as in the table itself.

    A partition that was made while the system runs has no name in the kernel's list before the next start.

    Args:
        disk: As the kernel lists it.
        table: What `sfdisk --json` says of it.
    """
    content = json.loads(table)["partitiontable"]
    unit = int(content.get("sectorsize", _SECTOR))
    names = {int(row["start"]) * unit: str(row.get("name", "")) for row in content["partitions"]}
    found = (replace(one, name=one.name or names.get(one.start, "")) for one in disk.partitions)
    return replace(disk, partitions=tuple(found))


def link(disk: Disk, folder: Path, dev: Path = Path("/dev")) -> None:
    """Makes a link to each of the disk's partitions, under its name."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    for partition in disk.partitions:
        if partition.name and "/" not in partition.name:
            fresh = folder / f".{partition.name}"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(dev / partition.device)
            fresh.replace(folder / partition.name)


def _partition(folder: Path) -> Partition:
    return Partition(
        name=_event(folder).get("PARTNAME", ""),
        device=_device(folder),
        number=_number(folder / "partition"),
        start=_number(folder / "start") * _SECTOR,
        size=_number(folder / "size") * _SECTOR,
    )


def _device(folder: Path) -> str:
    return _event(folder).get("DEVNAME") or folder.name


def _event(folder: Path) -> dict[str, str]:
    lines = (folder / "uevent").read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))
