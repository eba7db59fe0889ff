"""A control group with little memory, for processes that are to die of it.

Owns: making the group, whichever version of the kernel's interface is mounted, and removing it.
Does not know: what runs in it.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from typing import Self

_ROOT = Path("/sys/fs/cgroup")


class MemoryGroup:
    """One group. On the older interface it lies within our own, so that what limits us limits it too."""

    def __init__(self, limit: int) -> None:
        """Makes it.

        Args:
            limit: Bytes.

        Raises:
            OSError: The kernel does not let us.
        """
        name = f"nisse-test-{os.getpid()}-{time.monotonic_ns()}"
        own = re.search(r"^\d+:memory:(.*)$", Path("/proc/self/cgroup").read_text(), re.MULTILINE)
        self.folder = _ROOT / "memory" / own[1].strip("/") / name if own else _ROOT / name
        self.folder.mkdir()
        try:
            most = "memory.limit_in_bytes" if own else "memory.max"
            (self.folder / most).write_text(str(limit))
            with contextlib.suppress(OSError):  # a kernel that does not count swap
                (self.folder / ("memory.memsw.limit_in_bytes" if own else "memory.swap.max")).write_text(
                    str(limit if own else 0)
                )
        except OSError:
            self.folder.rmdir()
            raise

    def command(self, *words: str) -> list[str]:
        """The command, to be run within the group."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.folder / "cgroup.procs"), *words]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _attempt in range(100):  # the kernel takes a moment to let the dead go
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.1)
