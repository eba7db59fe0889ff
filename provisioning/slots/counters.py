"""GRUB's environment block: which slot comes first, and how often each was started since it was last found healthy.

Owns: reading and changing the block, mending it from its copy after a power cut, and the block of a fresh box.
Does not know: when a slot is good, nor GRUB's script (`provisioning/image/boot/grub.cfg.in`, which names each variable).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from agent.errors import StorageError

FOLDER = Path("/efi/grub")
MOST_TRIES = 3  # as GRUB's script has it
_SIGN = b"# GRUB Environment Block\n"
_SIZE = 1024  # GRUB writes the block in place and never makes it longer
_EDITOR = "grub-editenv"


def fresh(slot: str = "A") -> bytes:
    """The block of a box of which nothing is known but that this slot starts.

    Args:
        slot: A or B. The first slot holds a system from the beginning, the second one only after an update.
    """
    order, b_ok = ("A B", 0) if slot == "A" else ("B A", 1)
    lines = (
        f"ORDER={order}\nA_OK=1\nA_TRY=0\nB_OK={b_ok}\nB_TRY=0\nLAST_GOOD={slot}\nRECOVERY_TRY=0\nWHOLE=1\n"
    )
    return (_SIGN + lines.encode("ascii")).ljust(_SIZE, b"#")


class Counters:
    """The block on the boot partition, and its copy."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Nothing is read yet.

        Args:
            folder: Where GRUB has its files.
        """
        self._block = folder / "grubenv"
        self._copy = folder / "grubenv.bak"

    def values(self) -> dict[str, str]:
        """All variables; empty where the block was spoilt."""
        return _values(_content(self._block))

    def mend(self, slot: str) -> str:
        """Brings a spoilt block back, from its copy or afresh.

        Args:
            slot: The slot that runs.

        Returns:
            What was done, in a few words; empty where nothing was to be done.

        Raises:
            StorageError: The boot partition does not take it.
        """
        if _is_whole(_content(self._block)):
            return ""
        copy = _content(self._copy)
        if _is_whole(copy):
            _write(self._block, copy)
            return "the counters were spoilt and came back from their copy"
        _write(self._block, fresh(slot))
        return "the counters and their copy were spoilt; both begin anew"

    def change(self, changes: Mapping[str, str]) -> None:
        """Sets some variables; the copy follows once they stand.

        Raises:
            StorageError: The boot partition does not take it.
        """
        words = [f"{name}={value}" for name, value in changes.items()]
        try:
            subprocess.run(  # noqa: S603 - GRUB's own tool
                [_EDITOR, str(self._block), "set", *words], check=True, capture_output=True, timeout=60
            )
        except (OSError, subprocess.SubprocessError) as failed:
            raise StorageError(f"GRUB's counters could not be written: {failed}.") from failed
        self.keep_copy()

    def keep_copy(self) -> None:
        """Writes the copy, if it differs.

        Raises:
            StorageError: The boot partition does not take it.
        """
        content = _content(self._block)
        if _is_whole(content) and content != _content(self._copy):
            _write(self._copy, content)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()[: _SIZE + 1]
    except OSError:
        return b""


def _is_whole(content: bytes) -> bool:
    return len(content) == _SIZE and content.startswith(_SIGN) and _values(content).get("WHOLE") == "1"


def _values(content: bytes) -> dict[str, str]:
    if not content.startswith(_SIGN):
        return {}
    lines = content[len(_SIGN) :].decode("ascii", "replace").split("\n")
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _write(file: Path, content: bytes) -> None:
    """In place, as GRUB does: where the block lies on the partition does not change, and 1024 bytes are written at once or not."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, content, 0)
            os.ftruncate(descriptor, len(content))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as failed:
        raise StorageError(f"{file} could not be written: {failed.strerror}.") from failed
