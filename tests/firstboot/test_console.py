"""What the screen says."""

from __future__ import annotations

import json

from agent import claim
from provisioning.box.places import Places
from provisioning.firstboot import claiming, console


def test_a_fresh_box_says_where_it_is_and_its_code(places: Places) -> None:
    claiming.make(places)
    text = console.show(places, ["192.168.1.20"])
    assert "http://nisse.local" in text
    assert "http://192.168.1.20" in text
    assert claim.code(places.home) in text
    assert (places.esp / claiming.FILE_NAME).exists()


def test_an_owned_box_says_no_code(places: Places) -> None:
    claiming.make(places)
    claim.used(places.home)
    assert "code" not in console.show(places, ["192.168.1.20"]).lower()


def test_the_boxs_own_wifi_is_named_with_its_password(places: Places) -> None:
    facts = {"mode": "hotspot", "ssid": "Nisse-12ab", "password": "abcd2345efgh"}
    (places.run / console.NETWORK).write_text(json.dumps(facts))
    text = console.words(places, ["10.42.0.1"])
    assert "Nisse-12ab" in text
    assert "abcd2345efgh" in text
    assert "By number" not in text


def test_without_a_network_it_says_what_to_do(places: Places) -> None:
    assert "plug in a cable" in console.words(places, [])


def test_every_console_of_the_kernel_is_told(places: Places) -> None:
    active = places.root / "sys/class/tty/console/active"
    active.parent.mkdir(parents=True)
    active.write_text("tty0 ttyS0 ttyGone\n")
    (places.root / "dev").mkdir()
    for name in ("tty1", "ttyS0"):
        (places.root / "dev" / name).write_text("")
    text = console.show(places, ["192.168.1.20"])
    assert "http://192.168.1.20" in text
    for name in ("tty1", "ttyS0"):
        assert "http://192.168.1.20" in (places.root / "dev" / name).read_text()
