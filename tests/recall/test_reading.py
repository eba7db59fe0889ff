from __future__ import annotations

import pytest

from agent import registry
from agent.errors import UnreadableError
from agent.recall import reading
from agent.recall.confined import READERS


@pytest.mark.parametrize(
    ("name", "media_type", "data", "reader"),
    [
        ("a.pdf", "application/pdf", b"%PDF-1.4", "pdf"),
        ("a.txt", "text/plain", b"%PDF-1.4", "pdf"),
        ("scan.PDF", "application/octet-stream", b"?", "pdf"),
        ("notes.md", "text/plain; charset=utf-8", b"# Hello", "markdown"),
        ("notes", "text/markdown", b"# Hello", "markdown"),
        ("notes.txt", "", b"Hello", "plain"),
        ("notes.unheard-of", "x/unheard-of", b"Hello", "plain"),
    ],
)
def test_the_reader_is_chosen_by_content_then_media_type_then_name(
    name: str, media_type: str, data: bytes, reader: str
) -> None:
    assert reading.choose(name, media_type, data) == reader


def test_an_unknown_kind_that_is_no_text_is_refused() -> None:
    with pytest.raises(UnreadableError):
        reading.read("photo.jpg", "image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(range(256)) * 4)


def test_an_empty_document_is_refused() -> None:
    with pytest.raises(UnreadableError, match="no text"):
        reading.read("empty.txt", "text/plain", b" \n\n ")


@pytest.mark.parametrize("name", registry.names(READERS))
def test_every_reader_declares_by_what_its_documents_are_known(name: str) -> None:
    suffixes = registry.declared(READERS, name, "SUFFIXES")
    assert suffixes
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)
    assert all("/" in kind for kind in registry.declared(READERS, name, "MEDIA_TYPES"))
