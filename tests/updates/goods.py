"""Releases made for the tests of fetching: files on the disk as a repository has them, and the list that names them.

Owns: the layout of a repository's files. Does not know: signatures.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.models.catalogue import File, Model
from agent.models.shape import Shape
from agent.models.shelf import Shelf
from provisioning.updates import chunks
from provisioning.updates.mirrors import Mirror
from provisioning.updates.release import Release, chunks_path, file_path
from provisioning.updates.storehouse import Storehouse

SHAPE = Shape(layers=2, embedding=64, feed_forward=128, vocabulary=3, kept=64, weights=1000, input_bytes=10)


@dataclass(frozen=True)
class Target:
    """One line of the list."""

    size: int
    sha256: str


@dataclass
class Repository:
    """A folder as the publisher makes it, without its metadata."""

    folder: Path
    listed: dict[str, Target] = field(default_factory=dict)

    def release(self, seq: int, name: str, *files: Path) -> Release:
        """Takes files into the repository, and gives the release that they make."""
        rows = []
        for path in files:
            sha256 = _sha256(path)
            rows.append(File(name=path.name, size=path.stat().st_size, sha256=sha256, sources=()))
            self._add(file_path(seq, path.name), path.read_bytes() if path.stat().st_size < 1 << 20 else path)
            self._add(chunks_path(seq, path.name), chunks.to_bytes(chunks.cut(path)))
        model = Model(
            name=name, role="chat", title=name.title(), licence="CC0-1.0", memory=10, context=512, quantisation="F32",
            parameters=1, files=tuple(rows), shape=SHAPE,
        )  # fmt: skip
        return Release(seq=seq, model=model, version=f"{seq}.0")

    def place(self, path: str) -> Path:
        """Where the repository has a target."""
        folder, _, name = path.rpartition("/")
        return self.folder / "targets" / folder / f"{self.listed[path].sha256}.{name}"

    def _add(self, path: str, content: bytes | Path) -> None:
        if isinstance(content, Path):
            self.listed[path] = Target(content.stat().st_size, _sha256(content))
        else:
            self.listed[path] = Target(len(content), hashlib.sha256(content).hexdigest())
        place = self.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            place.unlink(missing_ok=True)
            try:
                place.hardlink_to(content)  # a gigabyte need not lie there twice
            except OSError:
                shutil.copyfile(content, place)
        else:
            place.write_bytes(content)


def storehouse(
    folder: Path, repository: Repository, *sources: str, neighbours: Sequence[str] = ()
) -> Storehouse:
    """A box's storehouse that asks these."""
    mirrors = [Mirror(url=url) for url in sources] + [Mirror(url=url, neighbour=True) for url in neighbours]
    return Storehouse(Shelf(folder), mirrors=lambda: mirrors, listed=lambda: repository.listed, keep_free=0)


def bring(house: Storehouse, release: Release) -> int:
    """All steps at once; the bytes that came over a line."""
    house.reserve(release)
    received = house.download(release)
    house.verify(release)
    house.stage(release.model)
    return received


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
