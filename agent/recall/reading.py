"""Reading a document: choosing the reader, and text that every later step can rely on.

Owns: which reader a document gets, and cleaning what it yields.
Does not know: any format.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from agent import registry
from agent.errors import UnreadableError
from agent.recall import confined
from agent.recall.confined import READERS
from agent.recall.pages import Limits, Page, clean

_FALLBACK = "plain"
# Senders write these when they do not know; the file's name says more.
_SAY_NOTHING = ("", "application/octet-stream", "text/plain")


def read(name: str, media_type: str, data: bytes, limits: Limits | None = None) -> list[Page]:
    """The document's pages, as text without what a database or JSON cannot hold.

    Args:
        name: The document's file name.
        media_type: What the sender says it is; may be empty or wrong.
        data: The document.
        limits: How much to read at most.

    Raises:
        UnreadableError: It cannot be read, or there is no text in it.
        TooLargeError: It is over a limit.
    """
    reader, limits = choose(name, media_type, data), limits or Limits()
    if registry.declared(READERS, reader, "CONFINED"):
        found = confined.read(reader, data, limits)
    else:
        found = list(registry.load(READERS, reader).read(data, limits))
    pages = [Page(clean(page.text), page.number, clean(page.context)) for page in found]
    if not any(page.text.strip() for page in pages):
        raise UnreadableError("There is no text in this document.", hint="Send one that is not empty.")
    return pages


def choose(name: str, media_type: str, data: bytes) -> str:
    """The reader's name: by the document's first bytes, else by its media type, else by its suffix."""
    kind = media_type.partition(";")[0].strip().lower()
    for reader in registry.names(READERS):
        if any(data.startswith(magic) for magic in _literal(reader, "MAGIC")):
            return reader
    for variable, value in (
        ("MEDIA_TYPES", "" if kind in _SAY_NOTHING else kind),
        ("SUFFIXES", PurePath(name).suffix.lower()),
    ):
        for reader in registry.names(READERS):
            if value and value in _literal(reader, variable):
                return reader
    return _FALLBACK


def _literal(reader: str, variable: str) -> tuple[Any, ...]:
    return tuple(registry.declared(READERS, reader, variable) or ())
