"""HTML mail as plain text.

Owns: what of a page a person sees, in lines: links with their target, images by their description, and what mail programs put
below one's own words (quoted history, signatures) marked with `>`.
Does not know: which part of the text is new, or what CSS hides (`visibility`).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

from agent.letters import visibility
from agent.letters.visibility import Look, Sheet

LONGEST_HTML = 500_000  # characters; more is no letter
_MOST_TAGS = 50_000
_LONGEST_PIECE = 2_000  # characters of a line that are still looked at
_DEEPEST = 150  # elements within elements that are told apart
_DEEPEST_QUOTE = 5

_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt", "fieldset", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody",
    "tr", "ul",
})  # fmt: skip
_VOID = frozenset(
    ["area", "base", "br", "col", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
_SPACED = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "p", "table", "ul", "ol", "pre"])
# An element that begins ends an open one of these, as in HTML.
_ENDS = {
    "p": ("p",), "li": ("li",), "td": ("td", "th"), "th": ("td", "th"), "tr": ("td", "th", "tr"), "dd": ("dd", "dt"), "dt": ("dd", "dt"),
    "option": ("option",),
}  # fmt: skip
_DECLARATION = re.compile(r"<[!?][^>]*>")

# What mail programs wrap around the mail that is answered, and around signatures.
_QUOTING = re.compile(
    r"(?:x_)*(gmail_attr|yahoo_quoted|ymail_quoted|moz-cite-prefix|tutanota_quote|outlookmessageheader|reply-intro"
    r"|mail-editor-reference-message-container|olk_src_body_section|mail-quote-collapse|replyheader|isreplycontent|mail_quote"
    r"|gmail_signature|moz-signature|protonmail_signature_block(?!-empty)\S*|ms-outlook-mobile-signature"
    r"|applemailsignature|signature|yahoo-signature|bloop_original_html|hs_reply|zmail_signature)",
    re.IGNORECASE,
)
# These hold the attribution and the quote; an answer between quotes stands in them as well, where the quotes are marked themselves.
_HOLDING = re.compile(r"(?:x_)*(gmail_quote\w*|gmail_extra|protonmail_quote|zmail_extra)", re.IGNORECASE)
_NAMED = frozenset({"messagereplysection", "quote"})  # <div name="quote">
# From here on, however deep, all is history.
_FROM_HERE = re.compile(r"(?:x_)*(appendonsend|divrplyfwdmsg|stopspelling|zwchr)", re.IGNORECASE)
_OUTLOOK_RULE = re.compile(r"border-top:\s*solid\s+#(?:e1e1e1|b5c4df|c4c4c4)\s+1\.0pt", re.IGNORECASE)
_PLAIN_INDENT = re.compile(r"border\s*:\s*(?:none|0)", re.IGNORECASE)


def as_text(html: str) -> str:
    """The page as a person would read it aloud; in linear time, and never raises."""
    html = html[:LONGEST_HTML]
    reader = _Reader(marked="<blockquote" in html.lower())
    with contextlib.suppress(Exception):  # what was read until then is its text
        reader.feed(_bounded(html))
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


@dataclass(frozen=True, kw_only=True)
class _Element:
    """An open element, and what holds for the text within it."""

    tag: str
    look: Look
    quoted: int = 0
    pre: bool = False


class _Reader(HTMLParser):
    def __init__(self, *, marked: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._marked = marked  # the page's quotes are marked as such
        self._sheet = Sheet()
        self._open = [_Element(tag="", look=Look())]
        self._deeper = 0  # open elements that are too deep to be told apart
        self._history = False  # from here on, however deep
        self._lists: list[int] = []  # numbers of the open lists' last items; -1: not numbered
        self._lines: list[str] = []
        self._line = ""
        self._before: list[str] = []  # what stands in the same line before it
        self._link = ""
        self._link_starts = 0

    def text(self) -> str:
        self._break()
        while self._lines and not self._lines[-1].strip("> "):
            self._lines.pop()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._end_implied(tag)
        if tag in _BLOCKS and self._open[-1].look.seen:
            self._break(blank=tag in _SPACED)
        if _begins_history(values):
            self._break()
            self._history = True
        if tag not in _VOID:
            self._push(tag, values)
        if self._open[-1].look.seen:
            self._begin(tag, values)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # a slash ends only what is void

    def handle_endtag(self, tag: str) -> None:
        seen = self._open[-1].look.seen
        if seen and tag == "a":
            self._end_link()
        if seen and tag in _BLOCKS:
            self._break(blank=tag in _SPACED)
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        self._close(tag)

    def handle_data(self, data: str) -> None:
        if self._open[-1].tag == "style":
            self._sheet.add(data)
        if not self._open[-1].look.seen:
            return
        self._shift()
        if self._open[-1].pre:
            *whole, last = data.split("\n")
            for line in whole:
                self._line += line
                self._break(keep_empty=True)
            self._line += last
            return
        text = re.sub(r"[ \t\r\n\f]+", " ", data)
        self._line += text.lstrip(" ") if not self._line or self._line.endswith((" ", "\t")) else text

    def _push(self, tag: str, values: Mapping[str, str]) -> None:
        if len(self._open) > _DEEPEST:
            self._deeper += 1
            return
        around = self._open[-1]
        self._open.append(
            _Element(
                tag=tag,
                look=visibility.within(around.look, tag, values, self._sheet),
                quoted=around.quoted + int(self._quotes(tag, values)),
                pre=around.pre or tag == "pre",
            )
        )

    def _quotes(self, tag: str, values: Mapping[str, str]) -> bool:
        names = [*values.get("class", "").split()[:20], values.get("id", "")]
        if tag == "blockquote":
            is_indented = bool(_PLAIN_INDENT.search(values.get("style", ""))) and not any(names)
            return values.get("type", "").lower() == "cite" or not is_indented
        if values.get("name", "").lower() in _NAMED and tag == "div":
            return True
        if any(_QUOTING.fullmatch(name) for name in names):
            return True
        return not self._marked and any(_HOLDING.fullmatch(name) for name in names)

    def _end_implied(self, tag: str) -> None:
        if tag == "body":  # a head that nobody closed
            self._open = [element for element in self._open if element.tag not in ("head", "title")]
        while self._deeper == 0 and self._open[-1].tag and self._open[-1].tag in _ENDS.get(tag, ()):
            self._open.pop()

    def _close(self, tag: str) -> None:
        """Closes the innermost open element of this name and what was left open in it; as in HTML, the end of a word's markup ends
        no block."""
        if self._deeper and tag not in _VOID:
            self._deeper -= 1
            return
        for index in range(len(self._open) - 1, 0, -1):
            if self._open[index].tag == tag:
                if tag in _BLOCKS or not any(inner.tag in _BLOCKS for inner in self._open[index + 1 :]):
                    del self._open[index:]
                else:
                    del self._open[index]
                return

    def _begin(self, tag: str, values: Mapping[str, str]) -> None:
        if tag == "br":
            self._break(keep_empty=True)
        elif tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            self._begin_item()
        elif tag in ("td", "th") and self._line:
            self._line += "\t"
        elif tag == "a":
            self._link, self._link_starts = values.get("href", ""), len(self._line)
        elif tag == "img" and (shown := " ".join(values.get("alt", "").split())):
            self._line += f"[{shown}]" if shown.isascii() or len(shown) > 8 else shown  # an emoji

    def _begin_item(self) -> None:
        if self._lists and self._lists[-1] >= 0:
            self._lists[-1] += 1
            self._line = f"{self._lists[-1]}. "
        else:
            self._line = "- "

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
        return "> " * min(self._open[-1].quoted + int(self._history), _DEEPEST_QUOTE)

    def _break(self, *, blank: bool = False, keep_empty: bool = False) -> None:
        line = "".join([*self._before, self._line]).rstrip()
        self._before.clear()
        self._line = ""
        self._link_starts = 0
        if line or keep_empty:
            self._lines.append(self._prefix() + line)
        if blank and self._lines and self._lines[-1].strip("> "):
            self._lines.append(self._prefix().rstrip())


def _begins_history(values: Mapping[str, str]) -> bool:
    names = [values.get("id", ""), *values.get("class", "").split()[:20]]
    return any(_FROM_HERE.fullmatch(name) for name in names) or bool(
        _OUTLOOK_RULE.search(values.get("style", ""))
    )
