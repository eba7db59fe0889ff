"""The system's part of the page Updates: what the box's root says of sticks, and the owner's word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from .conftest import Browser
from .privileged import Helper

PATH = "/run/media/system/STICK/nisse-pc-0.7.0.raucb"
NEWER = {
    "path": PATH,
    "name": "nisse-pc-0.7.0.raucb",
    "size": 412_000_000,
    "version": "0.7.0",
    "refusal": "",
}
NOTHING = {"state": "idle", "version": "", "sentence": "", "at": 0.0}


def says(helper: Helper, *bundles: Mapping[str, Any], second_slot: bool = True, **last: Any) -> None:
    """What root answers."""
    helper.answers["system-status"] = {
        "ok": True,
        "running": "0.6.3",
        "second_slot": second_slot,
        "last": NOTHING | {"at": 1_795_000_000.0} | last,
        "bundles": list(bundles),
    }


def page(browser: Browser) -> str:
    answer = browser.get("/updates")
    assert answer.status_code == 200
    return answer.text


def test_on_a_desk_nothing_of_it_is_shown(anna: Browser) -> None:
    assert "The system" not in page(anna)
    assert anna.post("/updates/system/install", {"path": PATH}, page="/updates").status_code == 503


def test_a_system_on_a_stick_is_offered_and_installed(anna: Browser, helper: Helper) -> None:
    says(helper)
    shown = page(anna)
    assert "System 0.6.3" in shown
    assert "plug a stick" in shown
    assert "Install it" not in shown
    says(helper, NEWER)
    shown = page(anna)
    assert "nisse-pc-0.7.0.raucb</b> on the stick" in shown
    assert "412 MB" in shown
    assert anna.post("/updates/system/install", {"path": PATH}, page="/updates").status_code == 303
    assert {"verb": "system-install", "path": PATH} in helper.asked
    assert "is being installed" in page(anna)


def test_without_the_pages_token_nothing_is_installed(anna: Browser, helper: Helper) -> None:
    says(helper, NEWER)
    answer = anna.client.post("/updates/system/install", data={"path": PATH}, base_url=anna.base)
    assert answer.status_code in (400, 403)
    assert "system-install" not in helper.verbs()


def test_a_member_neither_sees_nor_installs_it(otto: Browser, helper: Helper) -> None:
    says(helper, NEWER)
    assert otto.get("/updates").status_code == 403
    assert otto.post("/updates/system/install", {"path": PATH}, page="/help").status_code == 403
    assert helper.verbs() == []


def test_why_one_is_refused_is_said_in_the_place_of_the_button(anna: Browser, helper: Helper) -> None:
    says(helper, NEWER | {"refusal": "It is for another kind of box, not for pc.", "name": "<b>.raucb"})
    shown = page(anna)
    assert "another kind of box" in shown
    assert "&lt;b&gt;.raucb" in shown
    assert "Install it" not in shown


def test_a_refusal_of_root_is_shown(anna: Browser, helper: Helper) -> None:
    says(helper, NEWER)
    error = {"message": "A new model is being tried.", "hint": "Wait some minutes.", "code": "conflict"}
    helper.answers["system-install"] = {"error": error}
    answer = anna.post("/updates/system/install", {"path": PATH}, page="/updates")
    assert answer.status_code == 409
    assert "A new model is being tried. Wait some minutes." in answer.text


def test_once_it_is_installed_a_restart_is_offered(anna: Browser, helper: Helper) -> None:
    says(helper, state="installing", sentence="Version 0.7.0 is being installed.")
    shown = page(anna)
    assert "Version 0.7.0 is being installed." in shown
    assert "Restart now" not in shown
    assert "plug a stick" not in shown
    says(helper, state="installed", version="0.7.0", sentence="Version 0.7.0 is installed.")
    shown = page(anna)
    assert "Version 0.7.0 is installed." in shown
    assert "Restart now" in shown
    assert 'action="/box/restart"' in shown
    assert anna.post("/box/restart", {}, page="/updates").status_code == 303
    assert "reboot" in helper.verbs()


@pytest.mark.parametrize(
    ("state", "sentence", "is_bad"),
    [
        ("kept", "The system is now 0.7.0.", False),
        ("gone_back", "The system 0.7.0 did not do well.", True),
        ("failed", "It could not be installed.", True),
    ],
)
def test_how_it_ended_is_told(anna: Browser, helper: Helper, state: str, sentence: str, is_bad: bool) -> None:
    says(helper, state=state, sentence=sentence)
    (line,) = [line for line in page(anna).splitlines() if sentence in line]
    assert ("notice bad" in line) == is_bad
    assert "Restart now" not in page(anna)


def test_a_card_without_room_says_so(anna: Browser, helper: Helper) -> None:
    says(helper, second_slot=False)
    assert "no room for a second system" in page(anna)


def test_the_page_is_there_while_root_is_not(anna: Browser, helper: Helper) -> None:
    helper.answers["system-status"] = {"error": {"message": "No.", "code": "unavailable"}}
    shown = page(anna)
    assert "System 0.4.0" in shown
    assert "cannot be said just now" in shown
    assert "New models" in shown
    helper.close()
    assert "cannot be said just now" in page(anna)
