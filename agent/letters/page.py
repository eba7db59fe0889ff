"""An answer as a page, made of the same text: for programs that show HTML, and for the Markdown that models like to write.

Owns: which markup becomes what, and that the page holds nothing which loads, runs or hides something.
Does not know: mail, or what the text says.
"""

from __future__ import annotations

import html
import re
from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from agent.message import SOURCES_HEADING

_TAGS = {
    "a", "b", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href"}, "div": {"style"}, "ol": {"start"}}
_FONT = "font-family:system-ui,-apple-system,Segoe UI,Roboto,sans-serif;font-size:15px;line-height:1.45"
_SMALL = "font-size:13px;color:#555;margin-top:1.2em;padding-top:.6em;border-top:1px solid #ccc"


def of(text: str, *, footer: str) -> str:
    """The page.

    Args:
        text: The answer as plain text, with the sources that it names below it.
        footer: One line that says who writes.
    """
    answer, _, sources = text.partition(f"\n\n{SOURCES_HEADING}\n")
    body = _markdown().render(_kept_apart(answer.strip("\n")))
    below = _lines(f"{SOURCES_HEADING}\n{sources.strip()}") if sources.strip() else ""
    small = f'<div style="{_SMALL}">{below}{html.escape(footer)}</div>'
    return nh3.clean(
        f'<div style="{_FONT}">{body}{small}</div>\n',
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        filter_style_properties=None,
        link_rel="noopener noreferrer nofollow",
    )


def _lines(text: str) -> str:
    return "".join(f"<p>{html.escape(line)}</p>" for line in text.split("\n") if line.strip())


def _kept_apart(text: str) -> str:
    """The text with such lines as `> 5 items` kept as they are where Markdown would draw what follows into them."""
    return re.sub(r"^(=+|-+)\s*$", lambda found: f"\n{found[0]}", text, flags=re.MULTILINE)


@cache
def _markdown() -> MarkdownIt:
    """Markdown without HTML and pictures: what a model repeats from somebody's mail must not load anything."""
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    reader.disable(["image", "html_block", "html_inline", "reference"])
    reader.add_render_rule("link_close", _link_close)
    return reader


def _link_close(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: Any, _env: MutableMapping[str, Any]
) -> str:
    """Shows where a link leads if its words do not: a reader should not have to trust what a model was told."""
    depth, begin = 0, index
    while begin > 0:
        begin -= 1
        depth += {"link_close": 1, "link_open": -1}.get(tokens[begin].type, 0)
        if depth < 0:
            break
    target = str(tokens[begin].attrGet("href") or "")
    words = "".join(token.content for token in tokens[begin + 1 : index])
    shown = "" if target.removeprefix("mailto:") in (words, f"{words}/") else f" ({html.escape(target)})"
    return f"</a>{shown}"
