"""A Wi-Fi as a file for NetworkManager.

Owns: the file's form, with every sign of a name or password that there can be.
Does not know: who gave them.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from agent import durable

HOTSPOT = "nisse-hotspot"
ADDRESS = "10.42.0.1"
_SPACE = uuid.UUID("6e697373-6500-5000-8000-6e6574776f72")


def known(ssid: bytes, password: str, *, hidden: bool = False) -> tuple[str, str]:
    """A network of the home.

    Args:
        ssid: Its name, which can be any bytes.
        password: Empty for an open one.
        hidden: Whether it keeps its name to itself.

    Returns:
        NetworkManager's name for it, and the file's content.
    """
    name = f"wifi-{uuid.uuid5(_SPACE, ssid.hex())}"
    sections = {
        "connection": {
            "id": name,
            "uuid": str(uuid.uuid5(_SPACE, ssid.hex())),
            "type": "wifi",
            "autoconnect-retries": "0",
        },
        "wifi": {"mode": "infrastructure", "ssid": _bytes(ssid), "hidden": "true" if hidden else "false"},
        "ipv4": {"method": "auto"},
        "ipv6": {"method": "auto"},
    }
    if password:
        sections["wifi-security"] = {"key-mgmt": "wpa-psk", "psk": _escaped(password)}
    return name, _file(sections)


def hotspot(ssid: bytes, password: str) -> str:
    """The box's own network: WPA2, closed to itself, on the channels that every telephone hears."""
    return _file(
        {
            "connection": {
                "id": HOTSPOT,
                "uuid": str(uuid.uuid5(_SPACE, HOTSPOT)),
                "type": "wifi",
                "autoconnect": "false",
            },
            "wifi": {"mode": "ap", "band": "bg", "ssid": _bytes(ssid), "ap-isolation": "1"},
            "wifi-security": {
                "key-mgmt": "wpa-psk",
                "proto": "rsn;",
                "pairwise": "ccmp;",
                "group": "ccmp;",
                "psk": _escaped(password),
            },
            "ipv4": {"method": "shared", "address1": f"{ADDRESS}/24"},
            "ipv6": {"method": "disabled"},
        }
    )


def save(folder: Path, name: str, content: str) -> None:
    """Keeps a network; NetworkManager takes only files that nobody but root can read."""
    durable.write(folder / f"{name}.nmconnection", content, mode=0o600)


def forget(folder: Path, name: str) -> None:
    """Removes a network, its password included."""
    durable.shred(folder / f"{name}.nmconnection")


def _file(sections: dict[str, dict[str, str]]) -> str:
    blocks = (
        f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in values.items())
        for section, values in sections.items()
    )
    return "\n".join(blocks)


def _bytes(value: bytes) -> str:
    return "".join(f"{byte};" for byte in value)


def _escaped(text: str) -> str:
    """As GLib's key files want it: only the backslash and outer spaces mean something."""
    plain = text.replace("\\", "\\\\")
    head = len(plain) - len(plain.lstrip(" "))
    return "\\s" * head + plain[head:]
