"""What nmcli prints, as NetworkManager 1.52 prints it."""

from __future__ import annotations

from provisioning.network import nmcli
from tests.fakes.programs import Programs

DEVICES = "eth0:ethernet:connected:Wired connection 1\nwlan0:wifi:disconnected:\nlo:loopback:connected (externally):lo\n"


def test_cables_and_radios_are_found() -> None:
    programs = Programs()
    programs.says("nmcli", DEVICES)
    found = nmcli.devices(programs)
    assert [(device.name, device.state) for device in found] == [
        ("eth0", "connected"),
        ("wlan0", "disconnected"),
    ]


def test_the_strongest_of_each_name_is_heard() -> None:
    programs = Programs()
    programs.says("nmcli", "Home:40:WPA2\nHome:80:WPA2\n:90:WPA2\nCaf\\:e \\\\:55:\n")
    assert [(one.ssid, one.signal, one.closed) for one in nmcli.heard(programs)] == [
        ("Home", 80, True),
        ("Caf:e \\", 55, False),
    ]


def test_guests_are_assumed_where_nobody_can_say() -> None:
    programs = Programs()
    assert not nmcli.has_guests(programs, "wlan0")
    programs.says("iw", "Station aa:bb:cc:dd:ee:ff (on wlan0)\n")
    assert nmcli.has_guests(programs, "wlan0")
    programs.fails("iw")
    assert nmcli.has_guests(programs, "wlan0")
