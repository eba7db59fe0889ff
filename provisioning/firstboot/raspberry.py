"""Presets as Raspberry Pi Imager writes them: `rpi-preseed.toml`.

Owns: which of its keys is which of ours, and why the others are refused.
Does not know: what a value may be (`presets`).
"""

from __future__ import annotations

from provisioning.firstboot import presets
from provisioning.firstboot.presets import Presets

_OURS = {
    "system.hostname": "box.name",
    "wlan.ssid": "wifi.ssid",
    "wlan.ssid_hex": "wifi.ssid_hex",
    "wlan.password": "wifi.password",
    "wlan.country": "wifi.country",
    "wlan.hidden": "wifi.hidden",
    "locale.timezone": "locale.timezone",
}
_OF_NO_ACCOUNT = {"config_version", "wlan.password_encrypted"}
_WHY_NOT = {
    "user": "Nobody logs in on this box; the owner is made in the browser, with the code that the box shows.",
    "ssh": "This box lets nobody in by SSH.",
    "locale": "This box has no keyboard; its page speaks the browser's language.",
    "connect": "This box is not reached from outside the home.",
    "interfaces": "This box leaves its connectors alone.",
}


def read(content: bytes) -> Presets:
    """The presets in an `rpi-preseed.toml`; never raises."""
    found = Presets()
    for section, values in presets.parsed(content, found).items():
        if section in _OF_NO_ACCOUNT:
            continue
        if not isinstance(values, dict):
            found.refuse(str(section), "This box knows no such preset.")
            continue
        for name, value in values.items():
            key = f"{section}.{name}"
            if key in _OURS:
                presets.take_checked(found, _OURS[key], value)
            elif key not in _OF_NO_ACCOUNT:
                found.refuse(key, _WHY_NOT.get(section, "This box knows no such preset."))
    return presets.finished(found)
