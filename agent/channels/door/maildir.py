"""A Maildir: letters as files, each there whole or not at all, and never twice.

Owns: the folder's layout and the names of its files.
Does not know: what a letter says.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from agent.errors import StorageError


class Maildir:
    """One folder of letters, as any mail program on the box can read it."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder at the first delivery.

        Args:
            folder: Where `tmp`, `new` and `cur` are.
        """
        self._folder = folder

    def holds(self, name: str) -> bool:
        """Whether a letter of this name was delivered, read or not."""
        name = _safe(name)
        if (self._folder / "new" / name).exists():
            return True
        # Once read, a letter moves to `cur` and its name ends in flags.
        return (self._folder / "cur").is_dir() and any((self._folder / "cur").glob(f"{name}*"))

    def deliver(self, name: str, letter: bytes) -> None:
        """Puts a letter in; one that is there already is left as it is.

        Args:
            name: What names the letter for ever.
            letter: Its bytes.

        Raises:
            StorageError: The disk does not take it; nothing of it is there.
        """
        if self.holds(name):
            return
        temporary = self._folder / "tmp" / _safe(name)
        try:
            for part in ("tmp", "new", "cur"):
                (self._folder / part).mkdir(parents=True, exist_ok=True, mode=0o750)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
            with os.fdopen(descriptor, "wb") as file:
                file.write(letter.replace(b"\r\n", b"\n"))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._folder / "new" / _safe(name))
            _sync(self._folder / "new")
        except OSError as failed:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise StorageError(
                "The letter could not be put into the Maildir.",
                hint=f"{failed.strerror}; look at {self._folder}.",
            ) from failed


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._@-]", "-", name).lstrip(".") or "letter"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
