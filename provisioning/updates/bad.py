"""The releases that did not do well here, by the sha256 of their files: none of them is tried again by itself.

Owns: `updates/bad.json`.
Does not know: why a release was found bad, beyond the sentence.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent import durable
from agent.models.shelf import writing

_MOST = 200  # files


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One release that did not do well."""

    sha256: str  # of its first file
    seq: int  # 0: the owner's own
    title: str
    version: str
    reason: str
    sentence: str
    at: float  # seconds since 1970


class Bad:
    """The list of one house."""

    def __init__(self, folder: Path) -> None:
        """Uses the folder `updates/`; it need not be there yet."""
        self._file = folder / "bad.json"

    def entries(self) -> list[Entry]:
        """All of them, the newest first. A torn file counts as empty: what is bad is tried, and found out, once more."""
        content = durable.read_sealed(self._file) or {}
        try:
            return [Entry(**row) for row in content.get("entries", [])]
        except TypeError:
            return []

    def hashes(self) -> frozenset[str]:
        """Of the files."""
        return frozenset(entry.sha256 for entry in self.entries())

    def add(self, entry: Entry) -> None:
        """Remembers one.

        Raises:
            StorageError: The disk does not take it.
        """
        others = [each for each in self.entries() if each.sha256 != entry.sha256]
        self._keep([entry, *others][:_MOST])

    def forgive(self, hashes: Iterable[str]) -> None:
        """Forgets some: the owner wants them tried again.

        Raises:
            StorageError: The disk does not take it.
        """
        forgiven, entries = frozenset(hashes), self.entries()
        left = [each for each in entries if each.sha256 not in forgiven]
        if left != entries:
            self._keep(left)

    def _keep(self, entries: list[Entry]) -> None:
        with writing():
            durable.write_sealed(self._file, {"entries": [dataclasses.asdict(each) for each in entries]})
