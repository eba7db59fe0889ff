"""The mail that is being read just now, noted outside the process: a mail that takes the whole process down is counted as one that broke.

Owns: a small file for each account, and counting what it holds at the next start.
Does not know: mails. The file is never forced to the disk: what the process's death leaves in it survives in the kernel's memory, and
a power failure, which alone could lose it, is no mail's fault.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import weakref
from collections.abc import Iterator

from agent.channels.mail.journal import Journal

_LENGTH = 1_024  # bytes; always the same, so that one write replaces all of it


class InHand:
    """What one account is reading."""

    def __init__(self, journal: Journal) -> None:
        """Counts what the process before this one was reading when it died.

        Args:
            journal: The account's memory; the file lies beside it.
        """
        name = hashlib.sha256(journal.account.encode()).hexdigest()[:12]
        file = journal.store.path.with_name(f"mail-{name}.reading")
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        closing = weakref.finalize(self, os.close, self._descriptor)
        closing.atexit = False  # a thread may still be reading then, and its note would go into whatever has the number next
        left = _place(os.pread(self._descriptor, _LENGTH, 0))
        if left:
            journal.tried(*left)
            self._write(b"")

    @contextlib.contextmanager
    def holding(self, folder: str, validity: int, uid: int) -> Iterator[None]:
        """This mail is being read while the block lasts."""
        self._write(json.dumps([folder, validity, uid]).encode())
        try:
            yield
        finally:
            self._write(b"")

    def _write(self, content: bytes) -> None:
        # On a full disk nothing can be noted; that keeps no mail from being read.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, content[:_LENGTH].ljust(_LENGTH), 0)


def _place(content: bytes) -> tuple[str, int, int] | None:
    try:
        folder, validity, uid = json.loads(content)
        return str(folder), int(validity), int(uid)
    except (ValueError, TypeError):
        return None
