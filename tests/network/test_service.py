"""The watching service: what it sees, and what it does about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import claim
from provisioning.box.places import Places
from provisioning.firstboot import claiming, console, identity, keys
from provisioning.network import __main__ as service
from provisioning.network import nmcli, profiles
from provisioning.network.watching import Watch, Wish
from tests.fakes.programs import Programs

ALONE = "wlan0:wifi:disconnected:\n"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A fresh box."""
    found = Places(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("0123456789abcdef" * 2)
    identity.keep_machine_id(found)
    keys.make(found)
    claiming.make(found)
    return found


def overdue() -> Watch:
    return Watch.begin(-1000.0)


def test_a_box_without_a_network_opens_its_own(places: Places) -> None:
    programs = Programs()
    programs.says("nmcli -t -f DEVICE", ALONE)
    assert service.round_(places, programs, overdue()) is Wish.OPEN
    assert programs.called(f"nmcli --wait 30 connection up id {profiles.HOTSPOT}")
    said = json.loads((places.run / console.NETWORK).read_text())
    assert said == {
        "mode": "hotspot",
        "ssid": identity.hotspot_name(places),
        "password": keys.hotspot_password(places),
    }
    assert (places.run / console.NETWORK).stat().st_mode & 0o777 == 0o600


def test_a_cable_ends_the_watch(places: Places) -> None:
    programs = Programs()
    programs.says("nmcli -t -f DEVICE", "eth0:ethernet:connected:Wired\n" + ALONE)
    assert service.round_(places, programs, overdue()) is Wish.END
    assert json.loads((places.run / console.NETWORK).read_text()) == {"mode": "cable"}


def test_the_claim_and_the_known_networks_are_seen(places: Places) -> None:
    programs = Programs()
    programs.says("nmcli -t -f DEVICE", ALONE)
    devices = nmcli.devices(programs)
    assert not service.see(places, programs, devices).claimed
    claim.used(places.home)
    profiles.save(places.connections, *profiles.known(b"Home", ""))
    seen = service.see(places, programs, devices)
    assert seen.claimed
    assert seen.known
    assert not seen.connected
