"""A Wi-Fi as a file for NetworkManager, read back as GLib's key files are read."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from provisioning.network import profiles


def read(content: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.read_string(content)
    return parser


@pytest.mark.parametrize("ssid", [b"Home", "Nätwork; [wifi]\n".encode(), bytes(range(32))])
def test_a_name_of_any_bytes_survives(ssid: bytes) -> None:
    _, content = profiles.known(ssid, "")
    found = read(content)["wifi"]["ssid"]
    assert bytes(int(byte) for byte in found.rstrip(";").split(";")) == ssid


def test_a_password_cannot_add_lines_of_its_own() -> None:
    _, content = profiles.known(b"x", r"  pass\nword = [ipv4]")
    assert read(content)["wifi-security"]["psk"] == r"\s\spass\\nword = [ipv4]"
    assert set(read(content).sections()) == {"connection", "wifi", "ipv4", "ipv6", "wifi-security"}


def test_an_open_network_has_no_security() -> None:
    assert "wifi-security" not in read(profiles.known(b"x", "")[1])


def test_a_network_keeps_its_name_in_the_system() -> None:
    assert profiles.known(b"x", "one password")[0] == profiles.known(b"x", "another one")[0]
    assert profiles.known(b"x", "")[0] != profiles.known(b"y", "")[0]


def test_the_hotspot_is_wpa2_and_does_not_open_by_itself() -> None:
    found = read(profiles.hotspot(b"Nisse-12ab", "abcd2345efgh"))
    assert found["connection"]["autoconnect"] == "false"
    assert found["wifi-security"]["proto"] == "rsn;"
    assert found["ipv4"]["method"] == "shared"


def test_only_root_can_read_a_kept_one(tmp_path: Path) -> None:
    profiles.save(tmp_path, *profiles.known(b"x", "a password"))
    [file] = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    profiles.forget(tmp_path, file.stem)
    assert not list(tmp_path.iterdir())
