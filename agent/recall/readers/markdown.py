"""Markdown: the text as it stands, cut at its headings, which become the context of what is below them.

Owns: where the sections begin and what stands above each.
Does not know: any other markup; links and emphasis stay as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.recall.pages import Limits, Page
from agent.recall.readers import plain

SUFFIXES = (".md", ".markdown")
MEDIA_TYPES = ("text/markdown", "text/x-markdown")

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r" {0,3}(```|~~~)")


def read(data: bytes, limits: Limits) -> Iterator[Page]:
    """One page a section. A heading without text of its own goes with the section below it.

    Raises:
        UnreadableError: It is no text.
        TooLargeError: It is longer than the limit.
    """
    for page in plain.read(data, limits):
        yield from _sections(page.text)


def _sections(text: str) -> Iterator[Page]:
    headings: list[tuple[int, str]] = []  # level and title, outermost first
    lines: list[str] = []
    has_body = False
    fence = ""
    for line in text.splitlines(keepends=True):
        fence = _fence_after(fence, line)
        heading = None if fence else _HEADING.match(line.rstrip("\n"))
        if heading:
            if has_body:
                yield Page("".join(lines), context=_joined(headings))
                lines, has_body = [], False
            level = len(heading[1])
            headings = [*(above for above in headings if above[0] < level), (level, heading[2])]
        elif line.strip():
            has_body = True
        lines.append(line)
    if lines:
        yield Page("".join(lines), context=_joined(headings))


def _fence_after(fence: str, line: str) -> str:
    """The mark of the code block that is open after this line; headings do not count inside one."""
    found = _FENCE.match(line)
    if found is None:
        return fence
    if not fence:
        return found[1]
    return "" if found[1] == fence else fence


def _joined(headings: list[tuple[int, str]]) -> str:
    return " > ".join(title for _, title in headings if title)
