"""Addresses of machines, as both ends of a connection judge them.

Owns: which of them are this very machine.
Does not know: who serves or calls there; so whoever only asks this loads no server.
"""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether the host is this very machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
