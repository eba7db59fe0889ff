"""What somebody wrote onto the boot partition: nothing in it can do more than it should, or stop the box."""

from __future__ import annotations

import random

import pytest

from provisioning.firstboot import presets, raspberry
from provisioning.firstboot.presets import Presets

WHOLE = b"""
[box]
name = "Attic"
[wifi]
ssid = "Our n\xc3\xa4twork"
password = "long enough"
country = "de"
hidden = true
[locale]
timezone = "Europe/Berlin"
[owner]
name = "Anna"
mail = "anna@example.org"
"""


def refused(found: Presets) -> dict[str, str]:
    return {line.key: line.why for line in found.lines if not line.taken}


def test_everything_that_there_is_can_be_preset() -> None:
    found = presets.read(WHOLE)
    assert not refused(found)
    assert found.values == {
        "box.name": "attic",
        "wifi.ssid": "Our nätwork",
        "wifi.password": "long enough",
        "wifi.country": "DE",
        "wifi.hidden": True,
        "locale.timezone": "Europe/Berlin",
        "owner.name": "Anna",
        "owner.mail": "anna@example.org",
    }


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('[box]\nname = "nisse.local"', "box.name"),
        ('[box]\nname = "-nisse"', "box.name"),
        ('[box]\nname = "localhost"', "box.name"),
        ("[box]\nname = 7", "box.name"),
        ('[wifi]\nssid = ""', "wifi.ssid"),
        ('[wifi]\nssid = "ääääääääääääääääääääääääääääääää"', "wifi.ssid"),
        ('[wifi]\nssid = "a\\nb"', "wifi.ssid"),
        ('[wifi]\nssid = "x"\npassword = "short"', "wifi.password"),
        ('[wifi]\nssid = "x"\nhidden = "yes"', "wifi.hidden"),
        ('[wifi]\npassword = "no name for it"', "wifi.password"),
        ('[wifi]\ncountry = "Germany"', "wifi.country"),
        ('[locale]\ntimezone = "../../etc/shadow"', "locale.timezone"),
        ('[locale]\ntimezone = "/etc/passwd"', "locale.timezone"),
        ('[owner]\nmail = "anna"', "owner.mail"),
        ('[owner]\npassword = "hunter22hunter22"', "owner.password"),
        ('[run]\ncommand = "rm"', "run.command"),
        ('name = "nisse"', "name"),
        ("[ssh.keys]\nanna = 'ssh-ed25519 AAAA'", "ssh.keys"),
    ],
)
def test_what_it_cannot_be_is_refused_by_its_key(line: str, key: str) -> None:
    found = presets.read(line.encode())
    assert key in refused(found)
    assert key not in found.values


def test_a_refusal_does_not_repeat_a_password() -> None:
    found = presets.read(b'[wifi]\nssid = "x"\npassword = "kurz"')
    assert "kurz" not in str(found.lines)


@pytest.mark.parametrize("line", ['password = "kurz"', 'passwort = "long enough"', "password = 12345678"])
def test_a_wifi_whose_password_is_refused_is_not_taken_for_an_open_one(line: str) -> None:
    found = presets.read(f'[wifi]\nssid = "x"\n{line}\ncountry = "DE"'.encode())
    assert found.values == {"wifi.country": "DE"}
    assert "open" in refused(found)["wifi.ssid"]


def test_a_wifi_without_a_password_is_an_open_one() -> None:
    found = presets.read(b'[wifi]\nssid = "x"\nhidden = "perhaps"')
    assert found.values == {"wifi.ssid": "x"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_editors_way_to_save_is_read(encoding: str) -> None:
    text = WHOLE.decode().replace("\n", "\r\n")
    assert presets.read(text.encode(encoding)).values["wifi.ssid"] == "Our nätwork"


@pytest.mark.parametrize(
    "content", [b"\x00" * 100, b"\xff\xfe\x00", b"[", b"x" * 70_000, b"[[[[[", b'a = """']
)
def test_a_file_that_is_none_is_said_to_be_unreadable(content: bytes) -> None:
    found = presets.read(content)
    assert not found.readable
    assert list(refused(found)) == ["the whole file"]


def test_deep_nesting_does_not_end_the_box() -> None:
    presets.read(b"a = " + b"[" * 20_000)


def _spoilt(chance: random.Random) -> bytes:
    """The sample with some of its bytes lost, doubled, exchanged or made up."""
    content = bytearray(WHOLE)
    for _ in range(chance.choice([1, 1, 2, 3, 8])):
        place = chance.randrange(len(content) + 1)
        match chance.randrange(7):
            case 0:
                del content[place : place + chance.randint(1, 20)]
            case 1:
                content[place:place] = content[: chance.randint(1, 80)]
            case 2:
                content[place:place] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 6)))
            case 3:
                content[place:place] = chance.choice(
                    [b"\x00", b"\r\n", b"[[", b'"""', b"\xef\xbb\xbf", b"= {"]
                )
            case _:
                content[place:place] = b'\n"%d" = %d\n' % (chance.getrandbits(64), chance.getrandbits(200))
    return bytes(content)


@pytest.mark.parametrize("read", [presets.read, raspberry.read], ids=["ours", "raspberry"])
def test_five_hundred_spoilt_files_are_read_and_each_key_has_its_word(read: object) -> None:
    assert callable(read)
    chance = random.Random(26)
    readable = 0
    for _ in range(500):
        found = read(_spoilt(chance))
        readable += found.readable
        said = {line.key for line in found.lines if line.taken}
        assert said == set(found.values)
        assert all(line.taken or line.why for line in found.lines)
        assert len(found.lines) <= 220
        assert "\x00" not in str(found.values)
    assert 10 < readable < 490  # else it tries one thing only


IMAGER = b"""config_version = "1.0"

[system]
hostname = "attic"

[user]
name = "pi"
password = "$y$j9T$abc"
password_encrypted = true
groups = ["sudo"]

[ssh]
enabled = true
password_authentication = false
authorized_keys = [
  "ssh-ed25519 AAAA anna@laptop",
]

[wlan]
ssid = "Our network"
password = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
password_encrypted = true
hidden = false
country = "DE"

[locale]
keymap = "de"
timezone = "Europe/Berlin"
"""


def test_raspberry_pi_imagers_file_is_understood_and_nobody_is_let_in() -> None:
    found = raspberry.read(IMAGER)
    assert found.values == {
        "box.name": "attic",
        "wifi.ssid": "Our network",
        "wifi.password": "0123456789abcdef" * 4,
        "wifi.hidden": False,
        "wifi.country": "DE",
        "locale.timezone": "Europe/Berlin",
    }
    assert {"user.name", "user.password", "ssh.enabled", "ssh.authorized_keys", "locale.keymap"} <= set(
        refused(found)
    )


def test_a_network_name_of_any_bytes_comes_as_hexadecimal() -> None:
    assert raspberry.read(b'[wlan]\nssid_hex = "ff00aa"').values == {"wifi.ssid_hex": "ff00aa"}
