"""The secrets that a fresh box makes for itself.

Owns: the password of its own hotspot.
Does not know: the claim code (`agent.claim`), which is another: what goes over the air can be guessed at leisure by whoever listens.
"""

from __future__ import annotations

import secrets

from agent import durable
from provisioning.box.places import Places

_FILE = "hotspot-password"
_LENGTH = 12
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that is mistaken for another


def make(places: Places) -> None:
    """Makes what is missing."""
    file = places.shared / _FILE
    if not file.exists():
        durable.write(file, "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) + "\n")


def hotspot_password(places: Places) -> str:
    """The password of the box's own hotspot; empty before it was made."""
    try:
        return (places.shared / _FILE).read_text(encoding="ascii").strip()
    except OSError:
        return ""
