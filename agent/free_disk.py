"""How much of a disk something new may take, and what is kept of it.

Owns: the last of the disk, which is left to what a full one needs: people log in, see it, and remove things, which writes as well.
Does not know: what wants to be written.
"""

from __future__ import annotations

import shutil
from pathlib import Path

# The lesser of both is kept.
_KEPT = 64_000_000  # bytes
_KEPT_SHARE = 100  # one part in so many


def room(folder: Path) -> int:
    """Bytes of the disk that something new may take; less than nothing where the last of it is in use.

    Args:
        folder: One on that disk.

    Raises:
        OSError: The disk does not say.
    """
    disk = shutil.disk_usage(folder)
    return disk.free - min(_KEPT, disk.total // _KEPT_SHARE)
