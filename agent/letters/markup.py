"""HTML mail as plain text.

Owns: what of a page a person sees: blocks as lines, links with their target, images by their description, quoted blocks marked
with `>`; what is hidden is dropped.
Does not know: mail, or which part of the text is new.
"""

from __future__ import annotations

import contextlib
import re
from html.parser import HTMLParser

LONGEST_HTML = 500_000  # characters; more is no letter
_MOST_TAGS = 50_000
_LONGEST_PIECE = 2_000  # characters of a line that are still looked at
_DEEPEST = 100  # elements within elements
_DEEPEST_QUOTE = 5

_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "center", "dd", "details", "div", "dl", "dt", "figure", "footer", "form", "h1",
    "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody", "tr", "ul",
})  # fmt: skip
_UNSEEN = frozenset({
    "head", "script", "style", "title", "template", "noscript", "object", "svg", "math", "select", "textarea",
})  # fmt: skip
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_SPACED = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "p", "table", "ul", "ol", "pre"])
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])|mso-hide\s*:\s*all", re.IGNORECASE
)
_DECLARATION = re.compile(r"<[!?][^>]*>")
# What mail programs wrap around the mail that is answered.
_QUOTING = re.compile(
    r"gmail_quote|yahoo_quoted|moz-cite-prefix|protonmail_quote|zmail_extra|tutanota_quote", re.IGNORECASE
)


def as_text(html: str) -> str:
    """The page as a person would read it aloud; in linear time, and never raises."""
    reader = _Reader()
    with contextlib.suppress(Exception):  # what was read until then is its text
        reader.feed(_bounded(html[:LONGEST_HTML]))
        reader.close()
    return reader.text()


def _bounded(html: str) -> str:
    """The page without what makes HTMLParser search to the end again and again: comments, declarations, tags that never end."""
    html = _without_comments(html)
    if html.count("<") > _MOST_TAGS:
        html = "<".join(html.split("<", _MOST_TAGS)[:_MOST_TAGS])
    closed = html.rfind(">") + 1
    return _DECLARATION.sub(" ", html[:closed]) + html[closed:].replace("<", "&lt;")


def _without_comments(html: str) -> str:
    kept: list[str] = []
    start = 0
    while (begin := html.find("<!--", start)) >= 0:
        kept.append(html[start:begin])
        end = html.find("-->", begin + 2)
        if end < 0:
            return " ".join(kept)
        start = end + 3
    return " ".join([*kept, html[start:]])


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line = ""
        self._before: list[str] = []  # what stands in the same line before it
        self._unseen: list[str] = []  # open elements from the first hidden one on
        self._quotes: list[str] = []  # open elements from the first quoting one on
        self._quoted = 0
        self._link = ""
        self._link_starts = 0
        self._pre = 0

    def text(self) -> str:
        self._break()
        while self._lines and not self._lines[-1].strip("> "):
            self._lines.pop()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag not in _VOID and (self._unseen or _is_hidden(tag, values)) and len(self._unseen) < _DEEPEST:
            self._unseen.append(tag)
        if self._unseen:
            return
        if tag in _BLOCKS:
            self._break(blank=tag in _SPACED)
        self._open_quote(tag, values)
        self._begin(tag, values)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            _close(self._unseen, tag)
            return
        if tag == "a":
            self._end_link()
        if tag == "pre":
            self._pre = max(0, self._pre - 1)
        if tag in _BLOCKS:
            self._break(blank=tag in _SPACED)
        if self._quotes:
            _close(self._quotes, tag)
            self._quoted = len([name for name in self._quotes if name.startswith("*")])

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        self._shift()
        if self._pre:
            *whole, last = data.split("\n")
            for line in whole:
                self._line += line
                self._break(keep_empty=True)
            self._line += last
            return
        text = re.sub(r"[ \t\r\n\f]+", " ", data)
        self._line += text.lstrip(" ") if not self._line or self._line.endswith((" ", "\t")) else text

    def _open_quote(self, tag: str, values: dict[str, str]) -> None:
        quotes = tag == "blockquote" or bool(
            _QUOTING.search(f"{values.get('class', '')} {values.get('id', '')}")
        )
        if tag in _VOID or not (quotes or self._quotes) or len(self._quotes) >= _DEEPEST:
            return
        self._quotes.append(f"*{tag}" if quotes else tag)
        self._quoted += int(quotes)

    def _begin(self, tag: str, values: dict[str, str]) -> None:
        if tag == "br":
            self._break(keep_empty=True)
        elif tag == "pre":
            self._pre += 1
        elif tag == "li":
            self._line = "- "
        elif tag in ("td", "th") and self._line:
            self._line += "\t"
        elif tag == "a":
            self._link, self._link_starts = values.get("href", ""), len(self._line)
        elif tag == "img" and values.get("alt", "").strip():
            self._line += f"[{' '.join(values['alt'].split())}]"

    def _end_link(self) -> None:
        shown = self._line[self._link_starts :].strip()
        target = self._link.removeprefix("mailto:")
        if self._link.lower().startswith(("http:", "https:", "mailto:")) and target not in shown:
            self._line += f" <{target}>"
        self._link = ""

    def _shift(self) -> None:
        """Keeps the piece that is added to short: adding to a long text copies it."""
        if len(self._line) > _LONGEST_PIECE:
            self._before.append(self._line[:-1])
            self._line = self._line[-1]
            self._link_starts = 0

    def _prefix(self) -> str:
        return "> " * min(self._quoted, _DEEPEST_QUOTE)

    def _break(self, *, blank: bool = False, keep_empty: bool = False) -> None:
        line = "".join([*self._before, self._line]).rstrip()
        self._before.clear()
        self._line = ""
        self._link_starts = 0
        if line or keep_empty:
            self._lines.append(self._prefix() + line)
        if blank and self._lines and self._lines[-1].strip("> "):
            self._lines.append(self._prefix().rstrip())


def _is_hidden(tag: str, values: dict[str, str]) -> bool:
    return tag in _UNSEEN or "hidden" in values or bool(_HIDING.search(values.get("style", "")))


def _close(elements: list[str], tag: str) -> None:
    """Closes the innermost open element of this name and whatever was left open in it."""
    for index in range(len(elements) - 1, -1, -1):
        if elements[index].lstrip("*") == tag:
            del elements[index:]
            return
