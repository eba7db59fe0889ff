"""Trying a Wi-Fi, and going back where it does not work."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.box.places import Places
from provisioning.network import joining, profiles
from tests.fakes.programs import Programs

SSID, PASSWORD = "Home", "long enough"
NAME, CONTENT = profiles.known(SSID.encode(), PASSWORD)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A box."""
    return Places(tmp_path)


@pytest.fixture
def programs() -> Programs:
    """A box that is its own hotspot."""
    found = Programs()
    found.says("nmcli -t", f"wlan0:wifi:connected:{profiles.HOTSPOT}\n")
    return found


def test_one_that_works_is_kept(places: Places, programs: Programs) -> None:
    assert joining.join(places, programs, SSID, PASSWORD)
    assert (places.connections / f"{NAME}.nmconnection").read_text() == CONTENT
    assert joining.last(places) == {"ssid": SSID, "state": "works", "why": ""}


def test_a_wrong_password_brings_the_hotspot_back_with_the_reason(places: Places, programs: Programs) -> None:
    programs.fails(f"nmcli --wait 40 connection up id {NAME}", "Secrets were required, but not provided")
    assert not joining.join(places, programs, SSID, PASSWORD)
    assert not list(places.connections.iterdir())
    assert programs.called(f"nmcli --wait 40 connection up id {profiles.HOTSPOT}")
    assert joining.last(places) == {"ssid": SSID, "state": "failed", "why": "The password is not right."}


def test_a_new_password_that_is_wrong_leaves_the_old_one(places: Places, programs: Programs) -> None:
    joining.join(places, programs, SSID, PASSWORD)
    programs.fails(f"nmcli --wait 40 connection up id {NAME}", "timeout")
    assert not joining.join(places, programs, SSID, "another one")
    assert (places.connections / f"{NAME}.nmconnection").read_text() == CONTENT


def test_while_it_is_tried_nobody_else_changes_over_the_radio(places: Places, programs: Programs) -> None:
    seen: list[bool] = []

    def look(_command: tuple[str, ...]) -> str:
        seen.append(joining.is_changing(places))
        return ""

    programs.does("nmcli --wait", look)
    joining.join(places, programs, SSID, PASSWORD)
    assert seen == [True]
    assert not joining.is_changing(places)
