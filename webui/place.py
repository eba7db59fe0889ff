"""Where the portal is: the address it listens on, and those that people type.

Owns: reading `portal.listen`, writing addresses for people, and the box's addresses in its networks.
Does not know: who serves there.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import psutil

from agent.errors import SettingsError
from agent.settings import Settings


def listening_place(settings: Settings) -> tuple[str, int]:
    """Host and port of `portal.listen`.

    Raises:
        SettingsError: It is not `ADDRESS:PORT`.
    """
    text = settings.text("portal.listen")
    try:
        place = urlsplit(f"//{text}")
        host, port = place.hostname, place.port
    except ValueError:
        host = port = None
    if not host or port is None:
        raise SettingsError(f"portal.listen cannot be {text!r}.", hint="Write it as 0.0.0.0:8080.")
    return host, port


def web_address(settings: Settings) -> str:
    """What people type into a browser."""
    port = listening_place(settings)[1]
    return f"http://{settings.text('house.name')}.local{'' if port == 80 else f':{port}'}"


def own_addresses() -> frozenset[str]:
    """The box's IP addresses at this moment, of all its networks."""
    found = (
        address.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family.name in ("AF_INET", "AF_INET6")
    )
    return frozenset(str(ipaddress.ip_address(text)) for text in found)
