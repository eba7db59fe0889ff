"""Which partitions there should be: what systemd-repart is told, made from what is there.

Owns: the sizes, and what is given up on a medium that is too small.
Does not know: how partitions are made.

The image brings the boot partition and slot A. Slot B, as large as A, and the partition of all state are made at the first start,
the latter up to the end of the medium; on a larger medium it grows. systemd-repart finds a partition by its type, so each kind has
a type of its own, and it makes file systems before it writes the table: a power cut leaves a finished partition or none.
"""

from __future__ import annotations

from agent.errors import StorageError
from provisioning.firstboot.disk import Disk, Partition

DATA_TYPE = "6e697373-6500-4d61-8000-646174610001"  # our own: no other system takes it for its own
_GIGABYTE = 1 << 30
_LEAST_DATA = 1 * _GIGABYTE
_GROWTH = 64 << 20  # free space behind the last partition that is worth a new table
_SLACK = 8 << 20  # alignment, and the table's copy at the end


def is_complete(disk: Disk) -> bool:
    """Whether there is nothing to make and nothing worth growing."""
    if disk.partition("data") is None or disk.free_at_end > _GROWTH:
        return False
    return disk.partition("root_b") is not None or not _has_room_for_second(disk)


def definitions(disk: Disk, types: dict[int, str]) -> dict[str, str]:
    """The files for systemd-repart, by name.

    Args:
        disk: As it is.
        types: The type of each partition that is there, by its number.

    Raises:
        StorageError: The medium is too small for the house, or has no slot A.
    """
    esp, first = disk.partition("esp"), disk.partition("root_a")
    if esp is None or first is None:
        raise StorageError(
            "This medium has no boot partition or no system on it.", hint="Write the image onto it anew."
        )
    data, second = disk.partition("data"), disk.partition("root_b")
    if data is None and disk.free_at_end < _LEAST_DATA + _SLACK:
        whole, least = disk.size / _GIGABYTE, (disk.size - disk.free_at_end + _LEAST_DATA) / _GIGABYTE
        raise StorageError(
            f"This medium is too small: it has {whole:.1f} GB, and the house needs {least:.1f} GB at the very least.",
            hint="Take one of 16 GB or more.",
        )
    files = {
        "10-esp.conf": _kept(esp, types[esp.number]),
        "20-root_a.conf": _kept(first, types[first.number]),
    }
    if second is not None:
        files["30-root_b.conf"] = _kept(second, types[second.number])
    elif _has_room_for_second(disk):
        files["30-root_b.conf"] = _new("root_b", types[first.number], first.size, first.size)
    least = data.size if data else _LEAST_DATA
    files["40-data.conf"] = _new("data", types[data.number] if data else DATA_TYPE, least, None, "ext4")
    return files


def _has_room_for_second(disk: Disk) -> bool:
    first, data = disk.partition("root_a"), disk.partition("data")
    if first is None:
        return False
    if data is None:
        return disk.free_at_end >= first.size + _LEAST_DATA + _SLACK
    return _largest_gap(disk) >= first.size


def _largest_gap(disk: Disk) -> int:
    """The largest free space between or behind the partitions."""
    ends = [one.start + one.size for one in disk.partitions]
    starts = [*(one.start for one in disk.partitions[1:]), disk.size - _SLACK // 8]
    return max((start - end for start, end in zip(starts, ends, strict=True)), default=0)


def _kept(partition: Partition, kind: str) -> str:
    return _new(partition.name, kind, partition.size, partition.size)


def _new(name: str, kind: str, least: int, most: int | None, file_system: str = "") -> str:
    lines = ["[Partition]", f"Type={kind}", f"Label={name}", f"SizeMinBytes={least}"]
    if most is not None:
        lines.append(f"SizeMaxBytes={most}")
    if file_system:
        lines.append(f"Format={file_system}")
    return "\n".join(lines) + "\n"
