"""`python -m provisioning.network.elsewhere`: opens the firewall for the server that the owner named in the brain's place, and for no other.

Owns: which address that is, and the firewall's two sets, which are empty as long as no server is named.
Does not know: the rest of the firewall (`/etc/nftables.conf`), nor what is asked of the server.

The brain may talk to nobody outside, and so to no name server: on the box the server is named by an address in numbers. systemd starts
this whenever the settings changed, and each start of the box does the same.
"""

from __future__ import annotations

import ipaddress
import logging
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent import logs, settings
from agent.errors import NisseError, SettingsError
from agent.settings import Settings
from provisioning.box.places import Places
from provisioning.box.running import Run, run

_log = logging.getLogger(__name__)

SETTING = "brain.remote"
SETS = {4: "elsewhere4", 6: "elsewhere6"}
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a server is."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int


def named(values: Settings) -> Place | None:
    """The server that the settings name; None if they name none, or one on this box, which is always within reach.

    Raises:
        SettingsError: It cannot be reached from a box, and why.
    """
    url = values.text(SETTING).strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        host, port = "", 0
    if not host or not port:
        raise SettingsError(f"{SETTING} is no address of a server.", hint=_HINT)
    try:
        address = ipaddress.ip_address(host)
    except ValueError as wrong:
        raise SettingsError(f"{SETTING} must name its server by numbers on this box.", hint=_HINT) from wrong
    if address.is_loopback:
        return None
    if address.is_unspecified or address.is_multicast or getattr(address, "scope_id", None):
        raise SettingsError(f"{SETTING} names no single machine.", hint=_HINT)
    return Place(address=address, port=port)


_HINT = "Write it as http://10.0.0.5:8000/v1."


def apply(places: Places, run_program: Run) -> None:
    """Lets the brain reach the server that is named now, and no other.

    Raises:
        UnavailableError: The firewall does not take it.
    """
    try:
        values = settings.load({"NISSE_HOME": str(places.home)})
    except SettingsError as unreadable:  # half-typed by hand: what was allowed stands until it reads again
        logs.event(_log, "elsewhere.unclear", level=logging.WARNING, why=unreadable)
        return
    try:
        place = named(values)
    except SettingsError as wrong:
        logs.event(_log, "elsewhere.refused", level=logging.ERROR, why=wrong)
        place = None
    run_program("nft", commands(place), seconds=20)
    logs.event(_log, "elsewhere.open", to=f"{place.address} {place.port}" if place else "nobody")


def commands(place: Place | None) -> str:
    """What the firewall is told, all of it at one instant.

    Args:
        place: The server; None: nobody is named.
    """
    lines = [f"flush set inet nisse {name}" for name in SETS.values()]
    if place:
        # Both are numbers by now: nothing that was typed gets into this line.
        lines.append(
            f"add element inet nisse {SETS[place.address.version]} {{ {place.address} . {place.port} }}"
        )
    return "; ".join(lines)


def main() -> int:
    """Does it once. Returns the exit status."""
    logs.configure("network")
    try:
        apply(Places(), run)
    except NisseError as failed:
        logs.event(_log, "elsewhere.failed", level=logging.ERROR, why=failed)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
