"""Cutting a document's text into passages: whole sentences, about 150 words, never across a page or section.

Owns: where a passage begins and ends. Pure: no files, no clock.
Does not know: formats, databases, models.

A passage is a slice of the text: `text[start:end]` is exactly it. Passages do not overlap, and together they hold every word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.recall.pages import Page

_LETTERS_A_WORD = 8  # long words, tables and scripts without spaces count by their letters

_BORDER = re.compile(
    r"(?P<paragraph>\n[ \t]*\n\s*)|[.!?\u2026:;][\"'\u201d\u2019)\]]*\s+|[\u3002\uff01\uff1f]"
)
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Size:
    """How long the pieces are, in words."""

    fewest: int  # from here on a paragraph's end ends the piece
    enough: int  # from here on a sentence's end does
    most: int
    lone: int  # a remainder shorter than this joins the piece before it


PASSAGE = Size(fewest=120, enough=150, most=180, lone=40)
# A vector of a whole passage blurs what its sentences say; one for every two or three of them does not.
WINDOW = Size(fewest=40, enough=40, most=60, lone=13)


@dataclass(frozen=True)
class Chunk:
    """One passage and where it stood."""

    text: str
    start: int  # offsets into the document's text, in characters
    end: int
    page: int = 0
    context: str = ""


@dataclass(frozen=True)
class _Span:
    start: int
    end: int
    words: int
    ends_paragraph: bool = False


def chunks(pages: Iterable[Page]) -> Iterator[Chunk]:
    """The passages of a document, in order.

    Args:
        pages: Its pages; their texts, one after the other, are the document's text.
    """
    offset = 0
    for page in pages:
        for span in _packed(page.text, PASSAGE):
            text = page.text[span.start : span.end]
            yield Chunk(text, offset + span.start, offset + span.end, page.number, page.context)
        offset += len(page.text)


def windows(text: str) -> list[str]:
    """The parts of a passage that get a vector each: two or three sentences."""
    return [text[span.start : span.end] for span in _packed(text, WINDOW)]


def _packed(text: str, size: Size) -> list[_Span]:
    """Sentences put together until there are enough."""
    packed: list[_Span] = []
    current: _Span | None = None
    for sentence in _sentences(text, size):
        if current and (_is_enough(current, size) or current.words + sentence.words > size.most):
            packed.append(current)
            current = None
        current = _joined(current, sentence) if current else sentence
    if current:
        if packed and current.words < size.lone:
            current = _joined(packed.pop(), current)
        packed.append(current)
    return packed


def _is_enough(span: _Span, size: Size) -> bool:
    return span.words >= (size.fewest if span.ends_paragraph else size.enough)


def _joined(first: _Span, second: _Span) -> _Span:
    return _Span(first.start, second.end, first.words + second.words, second.ends_paragraph)


def _sentences(text: str, size: Size) -> Iterator[_Span]:
    start = 0
    for border in _BORDER.finditer(text):
        yield from _cut(text, start, border.end(), size, ends_paragraph=border["paragraph"] is not None)
        start = border.end()
    yield from _cut(text, start, len(text), size, ends_paragraph=True)


def _cut(text: str, start: int, end: int, size: Size, *, ends_paragraph: bool) -> Iterator[_Span]:
    """The stretch without the space around it; in pieces where it is longer than a piece may be."""
    first = last = -1
    words = 0
    for piece_start, piece_end, weight in _words(text, start, end, size):
        if first >= 0 and words + weight > size.most:
            yield _Span(first, last, words)
            first, words = -1, 0
        first = piece_start if first < 0 else first
        last = piece_end
        words += weight
    if first >= 0:
        yield _Span(first, last, words, ends_paragraph)


def _words(text: str, start: int, end: int, size: Size) -> Iterator[tuple[int, int, int]]:
    """Each word with its weight; one that is longer than a piece comes in pieces."""
    longest = size.most * _LETTERS_A_WORD
    for word in _WORD.finditer(text, start, end):
        for piece in range(word.start(), word.end(), longest):
            piece_end = min(piece + longest, word.end())
            yield piece, piece_end, max(1, -(-(piece_end - piece) // _LETTERS_A_WORD))
