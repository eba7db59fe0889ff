"""Signs of life: until when a process that listens nowhere has promised to speak again, for whoever looks after it.

Owns: the file of each process, in a folder in memory that there is on the box alone (`$NISSE_RUN/alive`), and its clock.
Does not know: who promises, nor what becomes of one that breaks its promise.

The promise is the file's time of modification, so nothing is ever written into it. It is a time of the clock that only goes forward,
which all processes of a machine share: a box that learns the date an hour after its start kills nobody by that.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

FOLDER = "alive"


def sign(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where this process promises; None where nobody looks: on a desk, and of what supervisord did not start."""
    run, name = environ.get("NISSE_RUN", ""), environ.get("SUPERVISOR_PROCESS_NAME", "")
    folder = Path(run) / FOLDER
    return folder / name if run and name and "/" not in name and folder.is_dir() else None


def promise(file: Path, until: float) -> None:
    """Promises to speak again.

    Args:
        file: The process's own.
        until: When, at the latest, by `time.monotonic`.

    Raises:
        OSError: It cannot be written.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        os.utime(descriptor, (until, until))
    finally:
        os.close(descriptor)


def promised(run: Path, name: str) -> float:
    """Until when a process has promised to speak, by `time.monotonic`; for ever, if it never promised anything.

    Args:
        run: The folder of what lasts until the box is switched off.
        name: The process's name in supervisord.
    """
    try:
        return (run / FOLDER / name).stat(follow_symlinks=False).st_mtime
    except OSError:
        return math.inf
