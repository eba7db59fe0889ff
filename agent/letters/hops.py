"""The hops of a mail: what its fields Received say of the servers it passed (RFC 5321, 4.4).

Owns: telling a hop from one of the provider's servers to another from the one by which a mail came in from outside.
Does not know: stamps, or any other field.

Everything below the provider's border can be forged, and so can a part of the border's own hop: what a client calls itself.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Collection
from typing import TypeAlias

_Place: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"

_LONGEST = 10_000  # characters
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+")
_LOCAL_DELIVERY = re.compile(r"\swith\s+lmtps?\b", re.IGNORECASE)  # into a mailbox, never over the internet
_BY_A_USER = "userid"
_HOME = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
]


def is_inside(received: str, domains: Collection[str]) -> bool:
    """Whether this hop is one from one of the provider's servers to another.

    Args:
        received: A field Received.
        domains: The provider's.
    """
    origin = _origin(received)
    if not origin:  # within one server, unless a user of it sent the mail from there
        return _BY_A_USER not in received.lower()
    said, _, looked_up = origin.partition("(")
    places = _places(looked_up)
    is_local = bool(places) and all(place.is_loopback for place in places)
    if not (
        is_of(by(received), domains)
        or by(received) == "localhost"
        or is_local
        or _LOCAL_DELIVERY.search(received)
    ):
        return False
    names = _names(looked_up)
    if not names and all(any(place in network for network in _HOME) for place in places):
        names = _names(said)  # nobody from the internet connects from there
    return is_local or (bool(names) and all(is_of(name, domains) for name in names))


def is_from(received: str, domains: Collection[str]) -> bool:
    """Whether the hop says it comes from one of these domains; its word only."""
    names = _names(_origin(received).partition("(")[0])
    return bool(names) and all(is_of(name, domains) for name in names)


def has_origin(received: str) -> bool:
    """Whether the hop says at all where the mail came from."""
    return bool(_origin(received))


def by(received: str) -> str:
    """The server that wrote the hop, as it calls itself; empty if it does not."""
    found = re.search(r"(?:^|\s)by\s+([^\s;()]+)", received[:_LONGEST].lower())
    return found[1] if found else ""


def is_of(host: str, domains: Collection[str]) -> bool:
    """Whether a server belongs to one of these domains."""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _origin(received: str) -> str:
    found = re.match(r"\s*from\s+(.*?)(?:\sby\s|$)", " ".join(received[:_LONGEST].lower().split()))
    return found[1] if found else ""


def _names(text: str) -> list[str]:
    return [name for name in _HOST.findall(text) if not name.replace(".", "").isdigit()]


def _places(text: str) -> list[_Place]:
    """The network addresses in the part of a hop that the receiving server wrote itself."""
    found: list[_Place] = []
    for word in re.findall(r"[0-9a-f:.]{3,45}", text.replace("ipv6:", "")):
        with contextlib.suppress(ValueError):
            found.append(ipaddress.ip_address(word.strip(".")))
    return found
