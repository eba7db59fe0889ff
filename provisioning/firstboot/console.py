"""What the screen and the serial line say: where the house is, and the code that proves that somebody stands before it.

Owns: the words, and where they are written.
Does not know: how the code is made, or how the box got its addresses.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import psutil

from provisioning.box.places import Places
from provisioning.firstboot import claiming, identity
from provisioning.network import profiles

_CLEAR = "\033[2J\033[3J\033[H"
_SCREEN = "tty1"
NETWORK = "network.json"  # in /run/nisse: what provisioning.network says


def show(places: Places, addresses: Iterable[str] | None = None) -> str:
    """Says it on every console of the kernel, and on the boot partition; returns what was said.

    Args:
        places: Where the box's things lie.
        addresses: The box's in its networks; by default they are asked for.
    """
    text = words(places, own_addresses() if addresses is None else addresses)
    for name in _consoles(places):
        clear = _CLEAR if name == _SCREEN else "\r\n"
        with contextlib.suppress(OSError):  # a serial line that nobody connected
            _say(places.root / "dev" / name, clear + text.replace("\n", "\r\n"))
    claiming.show_on_boot_partition(places, f"http://{identity.name(places)}.local")
    return text


def words(places: Places, addresses: Iterable[str]) -> str:
    """What is said."""
    name, network = identity.name(places), _network(places)
    lines = ["", f"  Nisse: open  http://{name}.local  in a browser of your home's network."]
    found = sorted(set(addresses) - {profiles.ADDRESS})
    if found:
        lines.append(f"  By number:   {'  '.join(f'http://{address}' for address in found)}")
    if network.get("mode") == "hotspot":
        lines += [
            "",
            f"  Wi-Fi of the box:  {network.get('ssid')}   password  {network.get('password')}",
            f"  Join it, then open http://{profiles.ADDRESS} and tell the box your own Wi-Fi.",
        ]
    elif not found:
        lines.append("  No network yet: plug in a cable, or wait a minute for the Wi-Fi of the box.")
    code = claiming.current(places)
    if code:
        lines += ["", f"  Claim code:  {code}"]
    return "\n".join([*lines, "", ""])


def own_addresses() -> list[str]:
    """The box's IPv4 addresses that others in the home can reach."""
    return [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family.name == "AF_INET" and not address.address.startswith("127.")
    ]


def _consoles(places: Places) -> list[str]:
    try:
        active = (places.root / "sys/class/tty/console/active").read_text(encoding="ascii").split()
    except OSError:
        active = []
    return list(dict.fromkeys(_SCREEN if name == "tty0" else name for name in active))


def _network(places: Places) -> dict[str, str]:
    try:
        content = json.loads((places.run / NETWORK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _say(device: Path, text: str) -> None:
    # Without waiting: a serial line with flow control and nobody at its end would hold us up for ever.
    descriptor = os.open(device, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        os.write(descriptor, text.encode("utf-8"))
    finally:
        os.close(descriptor)
