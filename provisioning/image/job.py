"""What is to be built, from what, and where everything lies meanwhile: the facts that every step of the builder asks for.

Owns: the names and places of all that a build reads and writes.
Does not know: the steps.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from provisioning.image.board import Board, Common

EMBEDDER = "all-minilm-l6-v2"
DEFAULT_MODEL = "qwen2.5-coder-0.5b-instruct-q4_k_m"
_NAMESPACE = uuid.UUID("7c0e1a86-7d6c-4d0c-9a43-3f6f1b8a5e11")
_CLOCKS = ("SOURCE_DATE_EPOCH", "E2FSPROGS_FAKE_TIME")
_STEADY_EPOCH = "1767225600"  # 2026-01-01
_TARGET_PYTHON = "3.13"  # trixie's


@dataclass(frozen=True, kw_only=True)
class Job:
    """One image to build."""

    checkout: Path
    board: Board
    common: Common
    version: str
    epoch: int  # seconds since 1970: no file of the image is younger, so that two builds agree
    lock: str  # the text of provisioning/lock/run.txt
    python: str  # the interpreter whose pip, cmake and setuptools are used
    model: str = DEFAULT_MODEL  # the chat model that travels in the image; empty: none
    mirrors: tuple[str, ...] = ()  # of Debian; empty: mmdebstrap's own choice
    apt_options: tuple[str, ...] = ()  # a proxy, for instance; for the build only
    keyring: Path | None = None  # whose updates the box accepts; None: a development key's
    updates: Path | None = (
        None  # of which update server the box takes models (`nisse release factory`); None: of none
    )
    like: str = ""  # an earlier build's packages.tsv: this one must be made of the same things
    place: Path | None = None  # where the board's files go; None: build/image/<board>
    target_python: str = _TARGET_PYTHON

    @property
    def out(self) -> Path:
        """Where the board's files lie."""
        return self.place or self.checkout / "build" / "image" / self.board.name

    @property
    def wheelhouse(self) -> Path:
        """The Python packages for the target, kept between builds."""
        return self.checkout / "build" / "wheels" / self.board.kind.name

    @property
    def tree(self) -> Path:
        """The image's root as a folder."""
        return self.out / "root"

    @property
    def tarball(self) -> Path:
        """Debian's tree as it came, kept between builds."""
        return self.out / "rootfs.tar"

    @property
    def slot(self) -> Path:
        """The file system of one slot."""
        return self.out / "root.ext4"

    @property
    def esp(self) -> Path:
        """The boot partition's file system."""
        return self.out / "esp.vfat"

    @property
    def stem(self) -> str:
        """How the finished files' names begin."""
        return f"nisse-{self.board.name}-{self.version}"

    @property
    def image(self) -> Path:
        """What is flashed, unpacked."""
        return self.out / f"{self.stem}.img"

    @property
    def site_packages(self) -> Path:
        """Where the house's Python packages go in the tree."""
        return self.tree / "opt/nisse/venv/lib" / f"python{self.target_python}" / "site-packages"

    @property
    def models(self) -> tuple[str, ...]:
        """The catalogue's models that travel in the image: without the embedder recall could not start offline."""
        return (*((self.model,) if self.model else ()), EMBEDDER)

    @property
    def variables(self) -> dict[str, str]:
        """What makes the tools' output the same each time."""
        return {
            **dict.fromkeys(_CLOCKS, str(self.epoch)),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }

    @property
    def steady_variables(self) -> dict[str, str]:
        """The same for what is kept over many commits, whose clock therefore is not the last commit's."""
        return self.variables | dict.fromkeys(_CLOCKS, _STEADY_EPOCH)

    def identity(self, of: str) -> str:
        """A UUID for a part of the image: always the same for the same board, version and moment."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.board.name} {self.version} {self.epoch} {of}"))
