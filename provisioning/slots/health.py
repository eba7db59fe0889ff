"""Is the house well? Asked from outside, as its people would ask.

Owns: the question that every start has to answer - does the page of the house, or of the recovery, answer - and what was found.
Does not know: slots, nor what follows from the answers. It is asked while the house starts on all its processors, so it is asked with
little: Python's own HTTP.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
from dataclasses import dataclass

import psutil

from agent.settings import Settings

_PAGE_S = 10.0
_LONGEST_ANSWER = 10_000  # bytes


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one question came to."""

    about: str
    is_well: bool
    words: str  # for the log


def portal(settings: Settings, version: str = "") -> Finding:
    """Whether the portal answers at the box's address in the home's network; without a network, on the box itself.

    Args:
        settings: Where it listens.
        version: The version that must answer; empty: any.
    """
    port = int(settings.text("portal.listen").rpartition(":")[2])
    address = _lan_address() or "127.0.0.1"
    try:
        status, body = _page(address, port)
        said = json.loads(body)
        is_well = status == 200 and said.get("ready") is True
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as failed:
        return Finding(about="portal", is_well=False, words=f"{address}: {failed or type(failed).__name__}")
    if version and said.get("version") != version:
        words = f"{address} answers as version {str(said.get('version'))[:20]}, not {version}"
        return Finding(about="portal", is_well=False, words=words)
    return Finding(about="portal", is_well=is_well, words=f"{address} answers {status}")


def recovery_page(port: int = 80) -> Finding:
    """Whether the recovery page answers on the box itself."""
    try:
        status, _ = _page("127.0.0.1", port)
    except (OSError, http.client.HTTPException) as failed:
        return Finding(about="recovery page", is_well=False, words=str(failed) or type(failed).__name__)
    return Finding(about="recovery page", is_well=True, words=f"answers {status}")


def _page(address: str, port: int) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, port, timeout=_PAGE_S)
    with contextlib.closing(connection):
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status, answer.read(_LONGEST_ANSWER)


def _lan_address() -> str:
    """The box's first IPv4 address in the home's network, for there its portal listens; empty where there is none."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for each in addresses:
            with contextlib.suppress(ValueError):
                address = ipaddress.IPv4Address(each.address)
                if not address.is_loopback and not address.is_link_local:
                    found.append(address)
    return str(min(found)) if found else ""
