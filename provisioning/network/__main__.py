"""`python -m provisioning.network`: watches until the box has a network, with a hotspot of its own meanwhile where that is needed.

Owns: looking, and doing what `watching` decides.
Does not know: when what is right.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time

from agent import durable, logs
from agent.errors import NisseError
from provisioning.box.places import Places
from provisioning.box.running import Run, run
from provisioning.firstboot import claiming, identity, keys
from provisioning.firstboot.console import NETWORK
from provisioning.network import joining, nmcli, profiles
from provisioning.network.nmcli import Device
from provisioning.network.watching import Seen, Watch, Wish

_log = logging.getLogger(__name__)
_LOOK_EVERY_S = 5.0


def main() -> int:
    """Watches until there is nothing more to watch. Returns the exit status."""
    logs.configure("network")
    places, watch = Places(), Watch.begin(time.monotonic())
    while True:
        if not joining.is_changing(places):
            try:
                if round_(places, run, watch) is Wish.END:
                    return 0
            except NisseError as failed:  # NetworkManager is starting, or busy
                logs.event(_log, "network.unclear", level=logging.WARNING, reason=failed)
        time.sleep(_LOOK_EVERY_S)


def round_(places: Places, run_program: Run, watch: Watch) -> Wish:
    """Looks once, and does what is decided."""
    devices = nmcli.devices(run_program)
    seen = see(places, run_program, devices)
    wish = watch.decide(seen, time.monotonic())
    if wish is Wish.OPEN:
        _open(places, run_program)
    elif wish is Wish.CLOSE:
        with joining.changing(places):
            nmcli.down(run_program, profiles.HOTSPOT)
    if wish in (Wish.CLOSE, Wish.END):
        _note(places, {"mode": _mode(devices)})
    if wish is not Wish.WAIT:
        logs.event(_log, "network.decided", wish=wish.value)
    return wish


def see(places: Places, run_program: Run, devices: list[Device]) -> Seen:
    """What there is to see."""
    own = next((device for device in devices if device.connection == profiles.HOTSPOT), None)
    known = list(places.connections.glob("wifi-*.nmconnection")) if places.connections.is_dir() else []
    return Seen(
        connected=_mode(devices) in ("cable", "wifi"),
        radio=any(device.kind == "wifi" and device.state != "unavailable" for device in devices),
        hotspot=own is not None,
        guests=own is not None and nmcli.has_guests(run_program, own.name),
        known=bool(known),
        claimed=not claiming.current(places),
    )


def _mode(devices: list[Device]) -> str:
    connected = [
        device for device in devices if device.state == "connected" and device.connection != profiles.HOTSPOT
    ]
    kinds = {device.kind for device in connected}
    return "cable" if "ethernet" in kinds else "wifi" if "wifi" in kinds else "none"


def _open(places: Places, run_program: Run) -> None:
    ssid, password = identity.hotspot_name(places), keys.hotspot_password(places)
    with joining.changing(places):
        with contextlib.suppress(NisseError):
            nmcli.heard(run_program, anew=True)  # while it is a hotspot itself the radio may hear nothing
        profiles.save(places.connections, profiles.HOTSPOT, profiles.hotspot(ssid.encode(), password))
        nmcli.reload(run_program)
        _note(places, {"mode": "hotspot", "ssid": ssid, "password": password})
        nmcli.up(run_program, profiles.HOTSPOT, seconds=30)


def _note(places: Places, facts: dict[str, str]) -> None:
    durable.write(places.run / NETWORK, json.dumps(facts))


if __name__ == "__main__":
    sys.exit(main())
