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

FEWEST_WORDS = 120  # from here on a paragraph's end ends the passage
ENOUGH_WORDS = 150  # from here on a sentence's end does
MOST_WORDS = 180
_LONE_WORDS = 40  # a remainder shorter than this joins the passage before it
_LETTERS_A_WORD = 8  # long words, tables and scripts without spaces count by their letters

_BORDER = re.compile(
    r"(?P<paragraph>\n[ \t]*\n\s*)|[.!?\u2026:;][\"'\u201d\u2019)\]]*\s+|[\u3002\uff01\uff1f]"
)
_WORD = re.compile(r"\S+")


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
        for span in _packed(list(_sentences(page.text))):
            text = page.text[span.start : span.end]
            yield Chunk(text, offset + span.start, offset + span.end, page.number, page.context)
        offset += len(page.text)


def _packed(sentences: list[_Span]) -> list[_Span]:
    """Sentences put together until there are enough."""
    packed: list[_Span] = []
    current: _Span | None = None
    for sentence in sentences:
        if current and (_is_enough(current) or current.words + sentence.words > MOST_WORDS):
            packed.append(current)
            current = None
        current = _joined(current, sentence) if current else sentence
    if current:
        if packed and current.words < _LONE_WORDS:
            current = _joined(packed.pop(), current)
        packed.append(current)
    return packed


def _is_enough(span: _Span) -> bool:
    return span.words >= (FEWEST_WORDS if span.ends_paragraph else ENOUGH_WORDS)


def _joined(first: _Span, second: _Span) -> _Span:
    return _Span(first.start, second.end, first.words + second.words, second.ends_paragraph)


def _sentences(text: str) -> Iterator[_Span]:
    start = 0
    for border in _BORDER.finditer(text):
        yield from _cut(text, start, border.end(), ends_paragraph=border["paragraph"] is not None)
        start = border.end()
    yield from _cut(text, start, len(text), ends_paragraph=True)


def _cut(text: str, start: int, end: int, *, ends_paragraph: bool) -> Iterator[_Span]:
    """The stretch without the space around it; in pieces where it is longer than a passage may be."""
    first = last = -1
    words = 0
    for piece_start, piece_end, weight in _words(text, start, end):
        if first >= 0 and words + weight > MOST_WORDS:
            yield _Span(first, last, words)
            first, words = -1, 0
        first = piece_start if first < 0 else first
        last = piece_end
        words += weight
    if first >= 0:
        yield _Span(first, last, words, ends_paragraph)


def _words(text: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Each word with its weight; one that is longer than a passage comes in pieces."""
    longest = MOST_WORDS * _LETTERS_A_WORD
    for word in _WORD.finditer(text, start, end):
        for piece in range(word.start(), word.end(), longest):
            piece_end = min(piece + longest, word.end())
            yield piece, piece_end, max(1, -(-(piece_end - piece) // _LETTERS_A_WORD))
