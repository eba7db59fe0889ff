"""What can be asked of root, and what cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioning.box.places import PORTAL, ROOT, UPDATES, Places
from provisioning.network import profiles
from provisioning.privileged import verbs
from tests.fakes.programs import Programs


@pytest.fixture
def programs() -> Programs:
    """The system's programs."""
    return Programs()


@pytest.fixture
def ask(tmp_path: Path, programs: Programs) -> Callable[..., dict[str, Any]]:
    """Asks a box in a temporary folder; what goes on in the background is done at once."""
    (tmp_path / "efi").mkdir()
    box = verbs.Box(places=Places(tmp_path), run=programs, background=lambda work: work())

    def asked(verb: Any, **values: Any) -> dict[str, Any]:
        return verbs.answer(box, {"verb": verb, **values}, ROOT)

    return asked


@pytest.mark.parametrize(
    "asked", [None, [], "reboot", {}, {"verb": ["reboot"]}, {"verb": "rm"}, {"verb": "__class__"}]
)
def test_what_nobody_knows_is_refused(asked: Any, tmp_path: Path, programs: Programs) -> None:
    box = verbs.Box(places=Places(tmp_path), run=programs, background=lambda work: work())
    assert "error" in verbs.answer(box, asked, ROOT)
    assert not programs.calls


@pytest.mark.parametrize("verb", verbs.VERBS)
def test_updates_may_ask_for_programs_alone_and_the_portal_for_all_else(
    tmp_path: Path, programs: Programs, verb: str
) -> None:
    box = verbs.Box(places=Places(tmp_path), run=programs, background=lambda work: work())
    forbidden = [
        user
        for user in (PORTAL, UPDATES, "nobody")
        if verbs.answer(box, {"verb": verb}, user).get("error", {}).get("code") == "forbidden"
    ]
    assert forbidden == ([PORTAL, "nobody"] if verb.startswith("program-") else [UPDATES, "nobody"])


def test_restart_and_off(ask: Callable[..., dict[str, Any]], programs: Programs) -> None:
    assert ask("reboot")["ok"]
    assert ask("poweroff")["ok"]
    assert [call[-1] for call in programs.calls] == ["reboot", "poweroff"]


@pytest.mark.parametrize("name", ["", "-x", "a b", "a.b", "x" * 64, "$(id)", None, 7, "localhost", "ä"])
def test_no_name_reaches_the_system_that_is_none(
    ask: Callable[..., dict[str, Any]], programs: Programs, name: Any
) -> None:
    assert "error" in ask("hostname", name=name)
    assert not programs.calls


def test_a_name_is_kept_and_set(
    ask: Callable[..., dict[str, Any]], programs: Programs, tmp_path: Path
) -> None:
    assert ask("hostname", name="attic")["ok"]
    assert (tmp_path / "data/shared/hostname").read_text() == "attic\n"
    assert programs.called("hostname attic")


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"ssid": "x", "password": "short"},
        {"ssid": "x" * 33},
        {"ssid": "x", "password": "a\nb\nc\nd\ne"},
        {"ssid": 7},
        {"ssid": "x", "hidden": "yes"},
    ],
)
def test_a_wifi_that_cannot_be_is_not_tried(
    ask: Callable[..., dict[str, Any]], programs: Programs, wish: dict[str, Any]
) -> None:
    assert "error" in ask("wifi-set", **wish)
    assert not programs.calls


def test_a_wifi_is_tried_and_its_failure_told(ask: Callable[..., dict[str, Any]], programs: Programs) -> None:
    programs.fails("nmcli --wait", "No network with SSID 'Home' found; not found")
    assert ask("wifi-set", ssid="Home", password="long enough")["state"] == "trying"
    last = ask("network-status")["last"]
    assert last["state"] == "failed"
    assert "not heard" in last["why"]
    assert programs.called("systemctl --no-block start nisse-network.service")


def test_the_password_of_a_wifi_is_on_no_command_line(
    ask: Callable[..., dict[str, Any]], programs: Programs
) -> None:
    ask("wifi-set", ssid="Home", password="long enough")
    assert "long enough" not in str(programs.calls)


def test_the_network_is_described(ask: Callable[..., dict[str, Any]], programs: Programs) -> None:
    programs.says(
        "nmcli -t -f DEVICE", f"eth0:ethernet:unavailable:\nwlan0:wifi:connected:{profiles.HOTSPOT}\n"
    )
    status = ask("network-status")
    assert (status["cable"], status["radio"], status["hotspot"], status["wifi"]) == (False, True, True, False)


def test_forgotten_networks_are_gone_with_their_passwords(
    ask: Callable[..., dict[str, Any]], programs: Programs, tmp_path: Path
) -> None:
    folder = tmp_path / "data/shared/connections"
    profiles.save(folder, *profiles.known(b"Home", "long enough"))
    profiles.save(folder, profiles.HOTSPOT, profiles.hotspot(b"Nisse", "abcd2345efgh"))
    assert ask("wifi-forget")["forgotten"] == 1
    assert [file.stem for file in folder.iterdir()] == [profiles.HOTSPOT]


def test_everything_is_erased_only_when_that_is_said(
    ask: Callable[..., dict[str, Any]], programs: Programs, tmp_path: Path
) -> None:
    assert "error" in ask("wipe")
    assert "error" in ask("wipe", sure=True)
    assert not (tmp_path / "efi/RESET").exists()
    assert ask("wipe", sure="erase everything")["ok"]
    assert (tmp_path / "efi/RESET").exists()
    assert programs.called("systemctl --no-block reboot")


def test_a_program_that_fails_is_an_answer_and_no_crash(
    ask: Callable[..., dict[str, Any]], programs: Programs
) -> None:
    programs.fails("systemctl", "no such unit")
    assert "no such unit" in ask("reboot")["error"]["message"]


def test_nobody_calls_a_slot_good_but_the_health_of_the_box(
    ask: Callable[..., dict[str, Any]], programs: Programs
) -> None:
    assert "error" in ask("mark-good")
    assert not programs.calls
