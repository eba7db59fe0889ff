"""What a reader gives and what it must keep to: Page and Limits.

Owns: the two nouns between the readers and the rest, and text that every later step can hold.
Does not know: any format.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import UnreadableError


@dataclass(frozen=True)
class Page:
    """A piece of a document's text: a page, a section, or the whole where the format has neither."""

    text: str
    number: int = 0  # from 1; 0 where the format has no pages
    context: str = ""  # the headings above it, outermost first: "Heating > Maintenance"


@dataclass(frozen=True)
class Limits:
    """How much of a document is read before it is refused."""

    pages: int = 3_000
    characters: int = 5_000_000
    memory: int = 768_000_000  # bytes of address space, for a confined reader
    cpu: int = 120  # seconds of computing, for a confined reader
    wall: int = 240  # seconds until a confined reader is given up


def clean(text: str) -> str:
    """The text without what a database or JSON cannot hold: zero bytes, and halves of characters."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def too_hard() -> UnreadableError:
    """The error for a document that asks too much of the box."""
    return UnreadableError(
        "Reading this document takes more time or memory than it may.",
        hint="Print it to a new PDF, or send it in parts.",
    )
