"""A `/sys` with one disk, as the kernel shows it.

Owns: writing the folders. Does not know: who reads them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from provisioning.firstboot.disk import Disk, Partition

MEGABYTE = 1 << 20
ROOT_DEVICE = os.makedev(8, 2)


def disk(size_mb: int, partitions: Mapping[str, tuple[int, int]]) -> Disk:
    """A disk as `provisioning.firstboot.disk` sees it.

    Args:
        size_mb: Of the medium.
        partitions: Where each begins and how large it is, in MB, by name.
    """
    rows = [
        Partition(
            name=name, device=f"sda{number}", number=number, start=start * MEGABYTE, size=size * MEGABYTE
        )
        for number, (name, (start, size)) in enumerate(partitions.items(), 1)
    ]
    return Disk(device="sda", size=size_mb * MEGABYTE, partitions=tuple(rows))


def write(sys: Path, found: Disk) -> None:
    """Writes it as the kernel shows it."""
    whole = sys / "devices" / "pci" / "block" / found.device
    _write(whole, found.size, {"DEVNAME": found.device})
    for partition in found.partitions:
        folder = whole / partition.device
        _write(folder, partition.size, {"DEVNAME": partition.device, "PARTNAME": partition.name})
        (folder / "partition").write_text(f"{partition.number}\n")
        (folder / "start").write_text(f"{partition.start // 512}\n")
        link = sys / "dev" / "block" / f"8:{partition.number}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(folder)


def _write(folder: Path, size: int, event: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "size").write_text(f"{size // 512}\n")
    (folder / "uevent").write_text("".join(f"{name}={value}\n" for name, value in event.items()))
