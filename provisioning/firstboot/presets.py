"""What somebody wrote onto the boot partition before the first start: the strict schema of `nisse.toml`.

Owns: reading the file, and the word on each of its keys: taken, or refused and why.
Does not know: how a preset is put to work (`applying`).

    [box]
    name = "nisse"                   # http://nisse.local
    [wifi]
    ssid = "Our network"
    password = "..."                 # removed from here once the box has it
    country = "DE"
    hidden = false
    [locale]
    timezone = "Europe/Berlin"
    [owner]
    name = "Anna"
    mail = "anna@example.org"

The file is input from anybody who had the card in hand. It can neither run anything, nor let anybody in, nor name whom to trust.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioning.firstboot.identity import is_name

LARGEST = 65_536  # bytes
_MOST_LINES = 200
_LONGEST_SHOWN = 60
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_MAIL = re.compile(r"[^@\s<>\x00-\x1f]{1,64}@[^@\s<>\x00-\x1f]{1,255}")

Values = dict[str, str | bool]


@dataclass(frozen=True, kw_only=True)
class Line:
    """The word on one key."""

    key: str
    taken: bool
    why: str = ""


@dataclass(kw_only=True)
class Presets:
    """What was in the file, and the word on each key."""

    values: Values = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    readable: bool = True

    def take(self, key: str, value: str | bool) -> None:
        """Keeps a value."""
        self.values[key] = value
        self.lines.append(Line(key=key, taken=True))

    def refuse(self, key: str, why: str) -> None:
        """Does not keep it, and says why."""
        if len(self.lines) < _MOST_LINES:
            self.lines.append(Line(key=_shown(key), taken=False, why=why))


def read(content: bytes) -> Presets:
    """The presets in a `nisse.toml`; never raises."""
    found = Presets()
    sections = parsed(content, found)
    for section, values in sections.items():
        if not isinstance(values, dict):
            found.refuse(str(section), "It belongs below a section such as [wifi].")
            continue
        for name, value in values.items():
            take_checked(found, f"{section}.{name}", value)
    return finished(found)


def parsed(content: bytes, found: Presets) -> Mapping[str, Any]:
    """The file as TOML; where it is none, that is the word on it."""
    if len(content) > LARGEST:
        return _unreadable(found, f"It is larger than {LARGEST // 1024} kB.")
    try:
        return tomllib.loads(_decoded(content))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as wrong:
        return _unreadable(found, f"It cannot be read: {_shown(str(wrong), 150)}")


def take_checked(found: Presets, key: str, value: Any) -> None:
    """Takes a key if there is one of that name and the value is one that it can have."""
    if key not in _CHECKS:
        found.refuse(key, "There is no such preset.")
        return
    try:
        found.take(key, _CHECKS[key](value))
    except ValueError as wrong:
        found.refuse(key, str(wrong))


def finished(found: Presets) -> Presets:
    """Checks what belongs together: a Wi-Fi without a name is none, and one whose password was refused is not an open one."""
    wifi = [key for key in found.values if key.startswith("wifi.")]
    refused = {line.key for line in found.lines if not line.taken} - {"wifi.country", "wifi.hidden"}
    why = ""
    if wifi and "wifi.ssid" not in found.values and "wifi.ssid_hex" not in found.values:
        why = "The network's name, wifi.ssid, is missing or was refused."
    elif "wifi.password" not in found.values and any(key.startswith(("wifi.", "wlan.")) for key in refused):
        why = "Something else of this Wi-Fi was refused, and without a password it would be an open one."
    if why:
        for key in wifi:
            if key == "wifi.country":
                continue  # of use for the hotspot, too
            del found.values[key]
            found.lines = [line for line in found.lines if line.key != key]
            found.refuse(key, why)
    return found


def _unreadable(found: Presets, why: str) -> Mapping[str, Any]:
    found.readable = False
    found.refuse("the whole file", why)
    return {}


def _decoded(content: bytes) -> str:
    """Text as editors on all systems save it: UTF-8, with or without a mark, or UTF-16 with one."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding)
    return content.decode("utf-8")


def _shown(text: str, most: int = _LONGEST_SHOWN) -> str:
    plain = "".join(sign if sign.isprintable() else "?" for sign in text)
    return plain if len(plain) <= most else f"{plain[:most]} ..."


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        raise ValueError("It must be text in quotes.")  # noqa: TRY004 - a wrong value, whatever its type
    if not value.strip() or len(value) > longest:
        raise ValueError(f"It must have 1 to {longest} characters.")
    if not value.isprintable():
        raise ValueError("It holds signs that cannot be seen.")
    return value


def _name(value: Any) -> str:
    text = _text(value, 63).strip().lower()
    if not is_name(text):
        raise ValueError("A box's name has small letters, digits and hyphens, such as nisse.")
    return text


def _ssid(value: Any) -> str:
    text = _text(value, 32)
    if len(text.encode()) > 32:
        raise ValueError("A network's name has 32 bytes at most.")
    return text


def _ssid_hex(value: Any) -> str:
    text = _text(value, 64).lower()
    if len(text) % 2 or not re.fullmatch(r"[0-9a-f]+", text):
        raise ValueError("It must be bytes as hexadecimal digits.")
    return text


def _password(value: Any) -> str:
    text = _text(value, 64)
    if _HEX.fullmatch(text):
        return text.lower()
    if not 8 <= len(text) <= 63 or not text.isascii():
        raise ValueError("A Wi-Fi password has 8 to 63 plain characters.")
    return text


def _country(value: Any) -> str:
    text = _text(value, 2).upper()
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise ValueError("A country has two letters, such as DE.")
    return text


def _zone(value: Any) -> str:
    text = _text(value, 64)
    if not _ZONE.fullmatch(text):
        raise ValueError("It looks like Europe/Berlin.")
    return text


def _mail(value: Any) -> str:
    text = _text(value, 300).strip()
    if not _MAIL.fullmatch(text):
        raise ValueError("It is no mail address.")
    return text


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("It must be true or false.")  # noqa: TRY004 - a wrong value, whatever its type
    return value


_CHECKS: dict[str, Callable[[Any], str | bool]] = {
    "box.name": _name,
    "wifi.ssid": _ssid,
    "wifi.ssid_hex": _ssid_hex,
    "wifi.password": _password,
    "wifi.country": _country,
    "wifi.hidden": _flag,
    "locale.timezone": _zone,
    "owner.name": lambda value: _text(value, 80),
    "owner.mail": _mail,
}
