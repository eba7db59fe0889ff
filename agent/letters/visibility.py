"""What of an HTML mail a person sees: text can be hidden by CSS in many ways, and hidden text speaks to machines alone.

Owns: the declarations that hide, from attributes and style sheets, and how they pass from an element to those within.
Does not know: what the text says, or how a page becomes lines.

Only what hides whatever program shows the page counts: rules under a condition, such as `@media`, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

Colour: TypeAlias = "tuple[int, int, int]"

_UNSEEN_TAGS = frozenset({
    "audio", "canvas", "datalist", "embed", "head", "iframe", "math", "noscript", "object", "script", "select", "style", "svg",
    "template", "textarea", "title", "video",
})  # fmt: skip
_LONGEST_SHEET = 100_000  # characters
_LONGEST_STYLE = 4_000
_MOST_RULES = 2_000
_TINY_PIXELS = 2.0
_FAR_AWAY = -500.0  # pixels
_SAME_COLOUR = 20  # of 255, in each of red, green and blue

_SIMPLE_SELECTOR = re.compile(r"[a-z0-9]*(?:[.#][\w-]+)?", re.IGNORECASE)
_CSS_COMMENT = re.compile(r"/\*[^*]*(?:\*(?!/)[^*]*)*\*/")
_NUMBER = re.compile(r"\s*(-?\d{0,9}\.?\d{0,9})\s*([a-z%]{0,4})")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})(?:[\s,/]+([\d.]{1,6})%?)?\s*\)")
_HEX = re.compile(r"#([0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})\b")
_NAMED: Mapping[str, Colour] = {
    "white": (255, 255, 255), "snow": (255, 250, 250), "ivory": (255, 255, 240), "ghostwhite": (248, 248, 255),
    "whitesmoke": (245, 245, 245), "floralwhite": (255, 250, 240), "mintcream": (245, 255, 250), "azure": (240, 255, 255),
    "aliceblue": (240, 248, 255), "seashell": (255, 245, 238), "black": (0, 0, 0), "red": (255, 0, 0), "green": (0, 128, 0),
    "blue": (0, 0, 255), "yellow": (255, 255, 0), "navy": (0, 0, 128), "gray": (128, 128, 128), "grey": (128, 128, 128),
    "silver": (192, 192, 192), "darkgray": (169, 169, 169), "lightgray": (211, 211, 211), "lightgrey": (211, 211, 211),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Look:
    """How text looks at some place of the page, as far as it matters to whether it is seen."""

    gone: bool = False  # by something that no element within can undo
    invisible: bool = False  # by what an element within can undo
    tiny: bool = False
    ink: Colour | None = (0, 0, 0)  # None: not known, so not to be compared
    paper: Colour | None = (255, 255, 255)

    @property
    def seen(self) -> bool:
        """Whether a person sees text that stands here."""
        return not (self.gone or self.invisible or self.tiny or self._same_colour())

    def _same_colour(self) -> bool:
        if self.ink is None or self.paper is None:
            return False
        return all(abs(one - other) <= _SAME_COLOUR for one, other in zip(self.ink, self.paper, strict=True))


@dataclass(kw_only=True)
class Sheet:
    """The rules of a page's style sheets that name a tag, a class or an id and nothing else."""

    rules: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, css: str) -> None:
        """Takes a style sheet in."""
        for selectors, block in _unconditional(_CSS_COMMENT.sub(" ", css[:_LONGEST_SHEET])):
            found = _declarations(block)
            for selector in selectors.split(","):
                name = selector.strip()
                if found and _SIMPLE_SELECTOR.fullmatch(name) and len(self.rules) < _MOST_RULES:
                    self.rules[name.lower()] = {**self.rules.get(name.lower(), {}), **found}

    def declared(self, tag: str, values: Mapping[str, str]) -> dict[str, str]:
        """What holds for an element: rules, weakest first, then its own style."""
        found: dict[str, str] = dict(self.rules.get(tag, {})) if self.rules else {}
        if self.rules:
            named = [f".{name}" for name in values.get("class", "").lower().split()[:20]]
            named += [f"#{values['id'].lower()}"] if values.get("id") else []
            for name in named:
                found |= self.rules.get(name, {})
                found |= self.rules.get(f"{tag}{name}", {})
        return found | _declarations(values.get("style", "")[:_LONGEST_STYLE])


def within(look: Look, tag: str, values: Mapping[str, str], sheet: Sheet) -> Look:
    """How text within an element looks.

    Args:
        look: How it looks around the element.
        tag: The element's name.
        values: Its attributes.
        sheet: The page's rules.
    """
    if look.gone or tag in _UNSEEN_TAGS or "hidden" in values:
        return look if look.gone else replace(look, gone=True)
    style = sheet.declared(tag, values)
    ink = _ink(look.ink, tag, style.get("color") or values.get("color", ""))
    paper = _paper(look.paper, style, values)
    if not style:
        return look if (ink, paper) == (look.ink, look.paper) else replace(look, ink=ink, paper=paper)
    visibility = style.get("visibility", "")
    return Look(
        gone=_is_gone(style) or style.get("color") == "transparent",
        invisible=visibility in ("hidden", "collapse") or (look.invisible and visibility != "visible"),
        tiny=_is_tiny(style.get("font-size", ""), before=look.tiny),
        ink=ink,
        paper=paper,
    )


def _is_gone(style: Mapping[str, str]) -> bool:
    if style.get("display") == "none" or style.get("mso-hide") == "all":
        return True
    if _pixels(style.get("opacity", "1")) == 0:
        return True
    clipped = style.get("overflow", "").startswith("hidden") or style.get("overflow-y") == "hidden"
    sizes = (style.get(name, "auto") for name in ("height", "max-height", "width", "max-width"))
    if clipped and any(_pixels(size) in (0, 1) for size in sizes):
        return True
    if re.match(r"rect\(0|rect\(1px", style.get("clip", "")):
        return True
    placed = style.get("position") in ("absolute", "fixed")
    moved = [style.get(name, "") for name in (("left", "top", "right") if placed else ())]
    moved += [style.get("text-indent", ""), style.get("margin-left", ""), style.get("margin-top", "")]
    return any((_pixels(value) or 0) < _FAR_AWAY for value in moved)


def _is_tiny(size: str, *, before: bool) -> bool:
    found = _NUMBER.match(size)
    if not found or found[1] in ("", "-", ".", "-."):
        return before and size not in ("small", "medium", "large", "x-large", "initial")
    number, unit = float(found[1]), found[2]
    if unit in ("em", "%"):
        return before or number == 0
    return number == 0 or (unit in ("px", "pt") and number <= _TINY_PIXELS)


def _ink(before: Colour | None, tag: str, value: str) -> Colour | None:
    if value:
        return before if value == "inherit" else _colour(value)
    return None if tag == "a" else before  # a link has a colour of its own


def _paper(before: Colour | None, style: Mapping[str, str], values: Mapping[str, str]) -> Colour | None:
    value = style.get("background-color") or style.get("background") or values.get("bgcolor", "").lower()
    if values.get("background") or "url(" in style.get("background", "") or "background-image" in style:
        return None
    if not value or value in ("none", "transparent", "inherit", "initial"):
        return before
    rgb = _RGB.search(value)
    if rgb and rgb[4] and float(rgb[4].strip(".") or 0) == 0:
        return before
    return _colour(value)


def _colour(value: str) -> Colour | None:
    if found := _HEX.search(value) or _HEX.fullmatch(f"#{value.strip()}"):
        digits = found[1] if len(found[1]) >= 6 else "".join(2 * digit for digit in found[1])
        return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
    if rgb := _RGB.search(value):
        return int(rgb[1]), int(rgb[2]), int(rgb[3])
    return next((_NAMED[word] for word in value.split() if word in _NAMED), None)


def _pixels(value: str) -> float | None:
    found = _NUMBER.match(value)
    if not found or found[1] in ("", "-", ".", "-."):
        return None
    return float(found[1]) * (16 if found[2] in ("em", "rem") else 1)


def _declarations(block: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for declaration in block.split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            found[name.strip().lower()] = value.replace("!important", "").strip().lower()
    return found


def _unconditional(css: str) -> list[tuple[str, str]]:
    """Pairs of selectors and declarations that stand in no block of another rule."""
    found: list[tuple[str, str]] = []
    depth, start, opened, selectors = 0, 0, 0, ""
    for brace in re.finditer(r"[{}]", css):
        if brace[0] == "{":
            if depth == 0:
                selectors, opened = css[start : brace.start()], brace.end()
            depth += 1
            continue
        depth = max(0, depth - 1)
        if depth == 0:
            if "@" not in selectors:
                found.append((selectors.rpartition(";")[2], css[opened : brace.start()]))
            start, selectors = brace.end(), "@"
    return found
