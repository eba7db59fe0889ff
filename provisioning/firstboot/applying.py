"""Putting presets to work, and the report on them that the portal shows.

Owns: what each preset changes, the report, and leaving nothing secret on the boot partition.
Does not know: what a value may be (`presets`, `raspberry`).

A file that cannot be read is left where it is, for whoever wrote it to mend; it is looked at again at each start.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from agent import durable
from agent.errors import NisseError
from provisioning.box.places import PORTAL, PRESETS, Places, hand_to
from provisioning.firstboot import defaults, identity, presets, raspberry
from provisioning.firstboot.presets import Line, Presets, Values
from provisioning.network import profiles

FILES: dict[str, Callable[[bytes], Presets]] = dict(zip(PRESETS, (presets.read, raspberry.read), strict=True))
REPORT = "presets-report.json"  # in NISSE_HOME, for the portal
OWNER = "presets-owner.json"  # likewise: what the wizard offers
_MOST_REPORTED = 200


def apply(places: Places) -> None:
    """Reads each file that is there, puts it to work, reports, and takes it away."""
    for name in FILES:
        found = look(places, name)
        if found is None:
            continue
        failed = _put_to_work(places, found)
        lines = found.lines + failed
        _report(places, name, lines)
        if found.readable:
            durable.shred(places.esp / name)


def look(places: Places, name: str) -> Presets | None:
    """What stands in one of the files; None if it is not there."""
    try:
        with (places.esp / name).open("rb") as opened:
            return FILES[name](opened.read(presets.LARGEST + 1))
    except FileNotFoundError:
        return None
    except OSError as broken:
        found = Presets(readable=False)
        found.refuse("the whole file", f"It cannot be read: {broken.strerror}.")
        return found


def _put_to_work(places: Places, found: Presets) -> list[Line]:
    """Applies each kind; the lines tell of those that could not be kept."""
    failed = []
    for kind, put in (("box", _name), ("wifi", _wifi), ("locale", _zone), ("owner", _owner)):
        if any(key.startswith(f"{kind}.") for key in found.values):
            try:
                put(places, found.values)
            except (NisseError, OSError, ValueError) as error:
                found.lines = [line for line in found.lines if not line.key.startswith(f"{kind}.")]
                failed.append(Line(key=kind, taken=False, why=f"It could not be kept: {error}"))
    return failed


def _name(places: Places, values: Values) -> None:
    wanted = str(values["box.name"])
    defaults.keep(places, {"house.name": wanted})
    identity.keep_name(places, wanted)


def _wifi(places: Places, values: Values) -> None:
    if "wifi.country" in values:
        durable.write(places.shared / "wifi-country", f"{values['wifi.country']}\n")
    ssid = (
        bytes.fromhex(str(values["wifi.ssid_hex"]))
        if "wifi.ssid_hex" in values
        else str(values.get("wifi.ssid", "")).encode()
    )
    if ssid:
        password, hidden = str(values.get("wifi.password", "")), bool(values.get("wifi.hidden"))
        profiles.save(places.connections, *profiles.known(ssid, password, hidden=hidden))


def _zone(places: Places, values: Values) -> None:
    zone = str(values["locale.timezone"])
    if not (places.root / "usr/share/zoneinfo" / zone).is_file():
        raise ValueError(f"There is no time zone {zone}.")
    durable.write(places.shared / "timezone", f"{zone}\n")


def _owner(places: Places, values: Values) -> None:
    offered = {"name": values.get("owner.name", ""), "address": values.get("owner.mail", "")}
    durable.write(places.home / OWNER, json.dumps(offered))
    hand_to(places.home / OWNER, PORTAL)


def _report(places: Places, name: str, lines: list[Line]) -> None:
    report = {
        "file": name,
        "at": time.time(),
        "lines": [{"key": line.key, "taken": line.taken, "why": line.why} for line in lines[:_MOST_REPORTED]],
    }
    durable.write(places.home / REPORT, json.dumps(report))
    hand_to(places.home / REPORT, PORTAL)
