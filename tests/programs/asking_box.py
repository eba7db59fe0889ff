"""A box whose updates ask its root for programs.

Owns: what both sides lay down and say.
Does not know: what root should answer.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provisioning.box.places import Places
from provisioning.privileged import verbs
from provisioning.programs.asking import Programs
from provisioning.programs.state import Book
from provisioning.updates import first_root
from provisioning.updates.metadata import Metadata
from provisioning.updates.programs.record import Program as Signed
from tests.fakes.programs import Programs as System
from tests.release.publishing import Publisher, program_file

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
FITTING: dict[str, Any] = {
    "python": PYTHON,
    "needs_system": "0.5.0",
    "reads": "0.5.0",
    "readable_by": "0.5.0",
}


class Box:
    """A box, its publisher, its updates process, and root."""

    def __init__(self, places: Places, folder: Path) -> None:
        self.places, self.folder = places, folder
        self.publisher = Publisher(folder / "repository")
        self.updates = places.home / "models" / "updates"
        self.keys = folder / "keys"
        self.keys.mkdir()
        (self.keys / first_root.ROOT).write_bytes(self.publisher.root)
        self.now = datetime.now(UTC)
        self.system = System()
        self.later: list[Callable[[], None]] = []
        self.root = Programs(places, self.system, self.later.append, now=self.clock, keys=self.keys)

    def clock(self) -> float:
        return self.now.timestamp()

    def publish(self, version: str = "0.5.1", **told: Any) -> Signed:
        return self.publisher.add_program(program_file(self.folder / "made", version, **{**FITTING, **told}))

    def fetch(self, signed: Signed, publisher: Publisher | None = None) -> dict[str, Any]:
        """What updates does before it asks; returns how it asks."""
        publisher = publisher or self.publisher
        Metadata(self.updates / "tuf", publisher.root, lambda: [publisher.url]).refresh()
        blob = self.updates / "programs" / "blobs" / "sha256" / signed.sha256
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.folder / "made" / f"nisse-{signed.version}-{signed.architecture}.raw", blob)
        return {
            "path": str(blob),
            "target": signed.target,
            "sha256": signed.sha256,
            "size": signed.size,
            "lists": str(self.updates / "tuf"),
        }

    def install(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Root's answer, and everything that follows it."""
        box = verbs.Box(places=self.places, run=self.system, background=self.later.append)
        vars(box)["programs"] = self.root
        said = verbs.answer(box, {"verb": "program-install", **asked}, "nisse-updates")
        while self.later:
            self.later.pop()()
        return said

    def is_taken(self) -> bool:
        return self.book.read().candidate is not None

    @property
    def book(self) -> Book:
        return Book(self.places)
