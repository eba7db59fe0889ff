"""A box in a temporary folder, and programs for it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from provisioning.box.places import Places
from provisioning.programs import installing
from provisioning.programs.choosing import Base
from provisioning.programs.state import Book, Program

from .asking_box import PYTHON, Box

BASE = Base(version="0.5.0", architecture="amd64", python=PYTHON)
NOW = 1_795_000_000.0


def program(version: str, **changes: Any) -> Program:
    """A program whose file holds its version."""
    content = content_of(version)
    made = Program(
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        version=version,
        architecture="amd64",
        python=PYTHON,
        needs_system="0.5.0",
        reads="0.5.0",
        readable_by="0.5.0",
    )
    return dataclasses.replace(made, **changes)


def content_of(version: str) -> bytes:
    """What is in its file."""
    return f"the program {version} ".encode() * 1000


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """The box; its root holds BASE."""
    found = Places(tmp_path)
    found.programs.mkdir(parents=True)
    found.image.parent.mkdir(parents=True)
    facts = {"version": BASE.version, "architecture": BASE.architecture, "board": "pc"}
    found.image.write_text(tomli_w.dumps(facts), encoding="utf-8")
    return found


@pytest.fixture
def book(places: Places) -> Book:
    """What the box remembers."""
    return Book(places)


@pytest.fixture
def lay(book: Book) -> Callable[..., Program]:
    """Lays a program's file into its place."""

    def laid(version: str) -> Program:
        made = program(version)
        book.file(made).write_bytes(content_of(version))
        return made

    return laid


@pytest.fixture
def box(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    """A box whose updates ask its root for programs."""
    monkeypatch.setattr(installing, "KEEP_FREE", 0)
    return Box(places, tmp_path)


@pytest.fixture
def asked(box: Box) -> dict[str, Any]:
    """How updates asks for a good program."""
    return box.fetch(box.publish())
