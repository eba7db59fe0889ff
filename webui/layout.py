"""What every page's frame needs: the navigation, the greeting, and how figures and times are written.

Owns: the navigation made of the pages' `NAVIGATION` literals, and the filters of the templates.
Does not know: any page's content.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

from flask import Flask, g, request

from agent import registry
from agent.wire.serve import MEGABYTE
from webui.portal import portal, visitor
from webui.session import Session

_PAGES = "webui.pages"


def navigation(session: Session | None) -> list[dict[str, Any]]:
    """The entries for this visitor, in their order.

    Args:
        session: Who looks; a stranger or nobody sees none.
    """
    if session is None or not session.person:
        return []
    declared = (registry.declared(_PAGES, name, "NAVIGATION") for name in registry.names(_PAGES))
    entries = [entry for entry in declared if entry and (session.is_owner or not entry.get("owner"))]
    return sorted(entries, key=lambda entry: int(entry["order"]))


def provide(app: Flask) -> None:
    """Gives the templates what they need."""

    @app.context_processor
    def frame() -> dict[str, Any]:
        session = visitor() if g.get("visitor", True) is not None else None
        known = session is not None and bool(session.person)
        return {
            "navigation": navigation(session),
            "here": request.path,
            "person": session if known else None,
            "house_name": portal().settings.text("house.name"),
            "csrf": _csrf,
        }

    app.add_template_filter(size)
    app.add_template_filter(moment)
    app.add_template_filter(ago)
    app.add_template_filter(capitalize_first)
    app.add_template_filter(lower_first)


def size(count: float) -> str:
    """A number of bytes in words."""
    if count >= 1000 * MEGABYTE:
        return f"{count / (1000 * MEGABYTE):.1f} GB"
    return f"{count / MEGABYTE:.0f} MB" if count >= MEGABYTE else f"{max(1, round(count / 1000))} kB"


def moment(at: float) -> str:
    """A time as people write it, such as `21 November, 14:05`."""
    when = dt.datetime.fromtimestamp(at, tz=dt.UTC).astimezone()
    year = "" if when.year == time.localtime().tm_year else f" {when.year}"
    return f"{when.day} {when:%B}{year}, {when:%H:%M}"


def ago(at: float) -> str:
    """How long something has lasted, such as `3 hours`."""
    seconds = max(0, time.time() - at)
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = int(seconds // length)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "a moment"


def capitalize_first(sentence: str) -> str:
    """A sentence as it begins a line; the rest stays as it is."""
    return sentence[:1].upper() + sentence[1:]


def lower_first(sentence: str) -> str:
    """A sentence as it goes on after a colon; the rest stays as it is."""
    return sentence[:1].lower() + sentence[1:]


def _csrf() -> str:
    g.shows_form = True
    return visitor().csrf


def waiting_time(seconds: float) -> str:
    """How long to wait, in words, rounded up."""
    if seconds <= 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{-(-seconds // 60):.0f} minutes"
