"""Presets at work."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent import settings
from agent.errors import StorageError
from provisioning.box.places import Places
from provisioning.firstboot import applying, defaults, identity

GOOD = b'[box]\nname = "attic"\n[wifi]\nssid = "Home"\npassword = "long enough"\n[owner]\nmail = "a@b.org"\n'


def report(places: Places) -> dict[str, Any]:
    return dict(json.loads((places.home / applying.REPORT).read_text()))


def words(places: Places) -> dict[str, tuple[bool, str]]:
    return {line["key"]: (line["taken"], line["why"]) for line in report(places)["lines"]}


def test_each_preset_does_what_it_says_and_the_file_is_gone(places: Places) -> None:
    (places.esp / "nisse.toml").write_bytes(GOOD)
    applying.apply(places)
    assert settings.load({"NISSE_HOME": str(places.home)}).text("house.name") == "attic"
    assert identity.name(places) == "attic"
    [wifi] = places.connections.glob("wifi-*.nmconnection")
    assert "psk=long enough" in wifi.read_text()
    assert wifi.stat().st_mode & 0o777 == 0o600
    assert json.loads((places.home / applying.OWNER).read_text())["address"] == "a@b.org"
    assert not (places.esp / "nisse.toml").exists()
    assert all(taken for taken, _ in words(places).values())


def test_no_secret_is_in_the_report(places: Places) -> None:
    (places.esp / "nisse.toml").write_bytes(GOOD + b"[x]\npassword = 'hunter22'\n")
    applying.apply(places)
    text = (places.home / applying.REPORT).read_text()
    assert "long enough" not in text
    assert "hunter22" not in text


def test_an_unreadable_file_stays_and_the_report_says_why(places: Places) -> None:
    (places.esp / "nisse.toml").write_bytes(b"[wifi\n")
    applying.apply(places)
    assert (places.esp / "nisse.toml").exists()
    assert "cannot be read" in words(places)["the whole file"][1]


def test_a_time_zone_that_is_not_there_is_refused_and_the_rest_taken(places: Places) -> None:
    (places.esp / "nisse.toml").write_bytes(GOOD + b'[locale]\ntimezone = "Mars/Olympus"\n')
    applying.apply(places)
    assert words(places)["locale"] == (False, "It could not be kept: There is no time zone Mars/Olympus.")
    assert words(places)["box.name"][0]


def test_a_full_disk_refuses_the_name_and_says_so(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(defaults, "keep", full)
    (places.esp / "nisse.toml").write_bytes(GOOD)
    applying.apply(places)
    assert words(places)["box"] == (False, "It could not be kept: The disk is full.")
    assert "box.name" not in words(places)
    assert words(places)["wifi.ssid"][0]


def test_without_a_file_there_is_no_report(places: Places) -> None:
    applying.apply(places)
    assert not (places.home / applying.REPORT).exists()
