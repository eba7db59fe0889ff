"""An honest publisher for tests: the real repository, with keys in memory.

Owns: the keys, and what of a release most tests do not care for. Does not know: what boxes do with it.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner

from provisioning.release import changing, making
from provisioning.release import programs as publishing_programs
from provisioning.release.repository import Lacking, Repository
from provisioning.release.roles import ROLES
from provisioning.updates.programs.record import Program
from provisioning.updates.release import Release
from provisioning.updates.verified import PROGRAMS

PROBE = {"prompt": "What is 2 + 2?", "must_match": ["4"]}
PROGRAM = {
    "format": 1, "python": "3.13", "needs_system": "0.5", "reads": "0.4", "readable_by": "0.4", "licence": "Apache-2.0",
}  # fmt: skip
_COUNTS = {"root": 3, "targets": 2, "models": 2}
_THRESHOLDS = {"root": 2, "targets": 2}


class KeysInMemory:
    """Private keys without files."""

    def __init__(self) -> None:
        self.by_role = {
            role: [CryptoSigner.generate_ed25519() for _ in range(_COUNTS.get(role, 1))] for role in ROLES
        }
        self.away: set[str] = set()  # ids of keys that are not at hand

    def signers(self, key_ids: Iterable[str]) -> list[CryptoSigner]:
        """Those that are at hand."""
        mine = {key.public_key.keyid: key for keys in self.by_role.values() for key in keys}
        return [mine[key_id] for key_id in key_ids if key_id in mine and key_id not in self.away]


class Publisher:
    """One repository in a folder, with all keys."""

    def __init__(self, folder: Path, *, programs: bool = True) -> None:
        """Makes it.

        Args:
            folder: Where.
            programs: False: as it was made before there were programs.
        """
        self.folder = folder
        self.moment: datetime | None = None  # another time than now
        self.keys = KeysInMemory()
        self.repository = Repository(folder, now=lambda: self.moment or datetime.now(UTC))
        public = {role: [key.public_key for key in keys] for role, keys in self.keys.by_role.items()}
        if not programs:
            del public[PROGRAMS]
        assert self.repository.begin(public, _THRESHOLDS, self.keys) == []

    @property
    def root(self) -> bytes:
        """What a box is given."""
        return (self.folder / "metadata" / "1.root.json").read_bytes()

    @property
    def url(self) -> str:
        """The folder as a source."""
        return self.folder.absolute().as_uri()

    def add(self, *files: Path, role: str = "chat", **told: Any) -> Release:
        """Publishes a model; what is not told is chosen so that every box takes it."""
        told = {"version": "1.0", "min_ram_mb": 1, **told}
        if role == "chat":
            told.setdefault("probes", [PROBE])
        made, lacking = making.add(self.repository, files, role, told, self.keys)
        assert lacking == []
        return made

    def add_program(self, file: Path, **more: Any) -> Program:
        """Publishes a version of Nisse itself."""
        made, lacking = publishing_programs.add(self.repository, file, self.keys, **more)
        assert lacking == []
        return made

    def yank(self, seq: int, why: str = "It forgets names.") -> None:
        """Takes a release back."""
        assert changing.yank(self.repository, seq, why, self.keys) == []

    def raise_floor(self, seq: int) -> None:
        """Makes a release the oldest that may serve."""
        assert changing.raise_floor(self.repository, seq, self.keys) == []

    def refresh(self) -> Sequence[Lacking]:
        """Signs anew what would end soon."""
        return self.repository.refresh(self.keys)


def program_file(
    folder: Path, version: str, *, architecture: str = "amd64", size: int = 300_000, **told: Any
) -> Path:
    """What the bundle maker writes, with noise in place of the program."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"nisse-{version}-{architecture}.raw"
    path.write_bytes(head_of_squashfs(size) + random.Random(version).randbytes(size - 96))
    about = {**PROGRAM, "version": version, "architecture": architecture, **told}
    path.with_suffix(".json").write_text(json.dumps(about))
    return path


def head_of_squashfs(size: int) -> bytes:
    """What a file system of this size begins with: version 4.0, and its length."""
    return struct.pack("<4s24sHHQQ48x", b"hsqs", bytes(24), 4, 0, 0, size)
