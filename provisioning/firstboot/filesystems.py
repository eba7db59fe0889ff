"""Checking and mounting the box's file systems.

Owns: the programs' words, and what their exit statuses mean.
Does not know: partitions, nor what lies on them.
"""

from __future__ import annotations

from pathlib import Path

from agent.errors import StorageError, UnavailableError
from provisioning.box.running import Run

_LONG_S = 3600.0
# Nothing on the boot partition is anybody's but root's; `flush` writes small changes at once, and FAT keeps no modes (`quiet`).
_BOOT_OPTIONS = "rw,dmask=0077,fmask=0177,quiet,noatime,flush,nodev,nosuid,noexec,errors=remount-ro"
# What must last is fsync'd by whoever wrote it; the rest goes to the card in batches.
_DATA_OPTIONS = "rw,noatime,commit=30,nodev,nosuid,noexec,errors=remount-ro"


def mount_boot(device: Path, place: Path, run: Run) -> None:
    """Mends what a power cut left of the boot partition, and mounts it."""
    if place.is_mount():
        return
    try:
        run("fsck.fat", "-a", str(device), fine=(0, 1), seconds=_LONG_S)
    except UnavailableError as odd:
        # The loader read it a moment ago; what the check cannot mend need not stop the box.
        print(odd, flush=True)  # noqa: T201 - goes to the journal and the console
    run("mount", "-t", "vfat", "-o", _BOOT_OPTIONS, str(device), str(place))


def mount_data(device: Path, place: Path, run: Run) -> None:
    """Mends what a power cut left of the state, and mounts it.

    Raises:
        StorageError: It cannot be read. Nothing is formatted here: whatever it is, it may be all that the house knows.
    """
    if place.is_mount():
        return
    try:
        try:
            run("e2fsck", "-p", str(device), fine=(0, 1, 2), seconds=_LONG_S)
        except UnavailableError:
            run("e2fsck", "-f", "-y", str(device), fine=(0, 1, 2), seconds=_LONG_S)
        run("mount", "-t", "ext4", "-o", _DATA_OPTIONS, str(device), str(place))
    except UnavailableError as broken:
        raise StorageError(
            f"What the house knows cannot be read from this medium: {broken}",
            hint="Put an empty file named RESET beside SETUP-CODE.txt on the boot partition to begin anew without it.",
        ) from broken


def fit(device: Path, run: Run) -> None:
    """Lets the mounted state fill its partition, and keeps half a percent back for root, so that a full disk still starts."""
    run("resize2fs", str(device), seconds=_LONG_S)
    run("tune2fs", "-m", "0.5", "-e", "remount-ro", str(device))


def bind(source: Path, place: Path, run: Run) -> None:
    """Lets a folder of the state appear at another place too."""
    source.mkdir(parents=True, exist_ok=True, mode=0o755)
    place.mkdir(parents=True, exist_ok=True, mode=0o755)
    if not place.is_mount():
        run("mount", "--bind", str(source), str(place))
