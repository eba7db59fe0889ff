"""The guard at the door: which requests get through to a page at all, and what every answer carries.

Owns: the list of host names, the check against forged requests, the headers, who may see which page before and after the claim.
Does not know: any page's content.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import time
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from agent.errors import AuthenticationError, ForbiddenError
from webui import box, session
from webui.place import own_addresses
from webui.portal import portal, visitor

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # no-referrer makes browsers send `Origin: null` with our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
HOTSPOT_NETWORK, _HOTSPOT = (
    "10.42.0.",
    "http://10.42.0.1/",
)  # the box's own Wi-Fi, where every name leads to the box
_ALWAYS = ("static", "healthz")  # endpoints for anybody


def stand(app: Flask) -> None:
    """Puts the guard before every page of an application."""
    app.before_request(_check_host)
    app.before_request(_check_origin)
    app.before_request(_check_person)
    app.after_request(_dress)


def host_names(house_name: str) -> re.Pattern[str]:
    """The names by which the box may be called: its own, with the number it takes when another has that name, with or without .local."""
    return re.compile(rf"{re.escape(house_name.lower())}(-[2-9])?(\.local\.?)?|localhost")


def is_own(host: str, house_name: str) -> bool:
    """Whether a Host header names this box: by name, or by one of its addresses. Others are a page that wants to use the visitor.

    Args:
        host: The header, with or without a port.
        house_name: The setting house.name.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return False
    if host_names(house_name).fullmatch(name):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or str(address) in _recent_addresses(int(time.monotonic() // 10))


@lru_cache(maxsize=2)
def _recent_addresses(_every_ten_seconds: int) -> frozenset[str]:
    return own_addresses()


def _check_host() -> ResponseReturnValue | None:
    if is_own(request.host, portal().settings.text("house.name")):
        return None
    g.dressed_only = True
    if (request.remote_addr or "").startswith(HOTSPOT_NETWORK) and box.is_there():
        return redirect(_HOTSPOT, 302)  # a telephone that looks for the internet opens this by itself
    name = portal().settings.text("house.name")
    words = f"This box does not answer by that name.\nOpen http://{name}.local instead, or its number as your router shows it.\n"
    return Response(words, status=421, mimetype="text/plain")


def _check_origin() -> None:
    if request.method in _SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    fetch_site = request.headers.get("Sec-Fetch-Site", "same-origin")
    foreign = origin is not None and origin != f"{request.scheme}://{request.host}"
    shown = request.headers.get("X-CSRF-Token") or request.form.get("csrf", "")
    if (
        foreign
        or fetch_site not in ("same-origin", "none")
        or not hmac.compare_digest(shown.encode(), visitor().csrf.encode())
    ):
        raise ForbiddenError(
            "This did not come from a page of this house, or the page was open for too long.",
            hint="Open the page again and repeat it.",
        )


def _check_person() -> ResponseReturnValue | None:
    endpoint = request.endpoint or ""
    if endpoint in _ALWAYS:
        return None
    page = endpoint.partition(".")[0]
    if not portal().ownership.is_claimed():
        return None if page == "wizard" else _go("wizard.begin")
    if page == "login":
        return None
    if not visitor().person or _has_left():
        return None if endpoint == "wizard.begin" else _go("login.show")
    return None


def _has_left() -> bool:
    """Whether the household does not know this person any more; then all their sessions are over."""
    person = visitor().person
    if portal().house.is_member(person) is not False:
        return False
    portal().sessions.end_all(person)
    g.pop("visitor")
    return True


def _go(endpoint: str) -> ResponseReturnValue:
    if wants_json():
        raise AuthenticationError("You are not logged in any more.", hint="Open the page again and log in.")
    if request.method not in _SAFE_METHODS:
        return redirect(url_for(endpoint), 303)
    wanted = request.path if endpoint == "login.show" and request.path != "/" else None
    return redirect(url_for(endpoint, next=wanted), 303)


def wants_json() -> bool:
    """Whether a script asks, not somebody who follows a link."""
    return "X-CSRF-Token" in request.headers or request.accept_mimetypes.best == "application/json"


def _dress(answer: Response) -> Response:
    answer.headers.update(HEADERS)
    if request.endpoint != "static":
        answer.headers["Cache-Control"] = "no-store"
    if "dressed_only" in g:
        return answer
    if g.get("give_cookie") or (g.get("shows_form") and session.COOKIE not in request.cookies):
        session.give(answer, visitor())
    return answer
