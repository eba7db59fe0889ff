"""The page of the box, its presets and the way back to a lost password."""

from __future__ import annotations

import json

from webui import box

from .conftest import ADDRESS, PASSWORD, Browser, Household
from .privileged import Helper

CODE = "7K2M-9QXT"


def test_on_a_desk_there_is_no_such_page(anna: Browser) -> None:
    assert anna.get("/box").status_code == 404


def test_the_owner_sees_the_box_and_its_networks(anna: Browser, helper: Helper) -> None:
    page = anna.get("/box")
    assert page.status_code == 200
    assert "Nisse 0.4.0 on pc, system A" in page.text
    assert "Home &lt;b&gt;" in page.text


def test_a_wifi_is_handed_on_with_its_password(anna: Browser, helper: Helper) -> None:
    anna.post("/box/wifi", {"ssid": "Home", "password": "long enough"}, page="/help")
    assert {"verb": "wifi-set", "ssid": "Home", "password": "long enough", "hidden": False} in helper.asked


def test_a_refusal_is_shown_in_its_own_words(anna: Browser, helper: Helper) -> None:
    helper.answers["wifi-set"] = {
        "error": {"message": "A Wi-Fi password has 8 to 63 plain characters.", "code": "invalid_request"}
    }
    answer = anna.post("/box/wifi", {"ssid": "Home", "password": "x"}, page="/help")
    assert answer.status_code == 400
    assert "8 to 63" in answer.text


def test_nothing_is_erased_by_mistake(anna: Browser, helper: Helper) -> None:
    assert anna.post("/box/reset", {"sure": "yes"}, page="/help").status_code == 400
    assert helper.verbs() == []
    anna.post("/box/reset", {"sure": "erase"}, page="/help")
    assert helper.asked[-1] == {"verb": "wipe", "sure": "erase everything"}


def test_a_member_may_not(household: Household, anna: Browser, helper: Helper) -> None:
    household.people.add("Bo", "member", [("mail", "bo@example.org")], PASSWORD)
    bo = Browser(household.app)
    bo.post("/login", {"address": "bo@example.org", "password": PASSWORD}, page="/login")
    assert bo.get("/box").status_code == 403
    assert bo.post("/box/restart", {}, page="/help").status_code == 403
    assert helper.verbs() == []


def test_what_became_of_the_presets_is_shown(household: Household, anna: Browser, helper: Helper) -> None:
    lines = [
        {"key": "wifi.ssid", "taken": True, "why": ""},
        {"key": "ssh.enabled", "taken": False, "why": "This box lets nobody in by SSH."},
    ]
    report = {"file": "rpi-preseed.toml", "at": 1, "lines": lines}
    (household.settings.home / "presets-report.json").write_text(json.dumps(report))
    page = anna.get("/box").text
    assert "rpi-preseed.toml" in page
    assert "lets nobody in" in page


def test_a_telephone_in_the_hotspot_is_led_to_the_page(household: Household, helper: Helper) -> None:
    guest = {"REMOTE_ADDR": "10.42.0.7"}
    for path in ("/generate_204", "/hotspot-detect.html", "/connecttest.txt"):
        answer = household.app.test_client().get(
            path, headers={"Host": "captive.example"}, environ_base=guest, buffered=True
        )
        assert answer.status_code == 302
        assert answer.headers["Location"] == "http://10.42.0.1/"


def test_anywhere_else_a_foreign_name_is_still_misdirected(household: Household, helper: Helper) -> None:
    answer = household.app.test_client().get("/", headers={"Host": "evil.example"}, buffered=True)
    assert answer.status_code == 421


def test_without_a_code_the_page_says_how_to_get_one(
    household: Household, anna: Browser, helper: Helper
) -> None:
    page = Browser(household.app).get("/login/lost").text
    assert "RESET-PASSWORD" in page
    assert 'name="code"' not in page


def test_the_code_on_the_screen_gives_the_owner_a_new_password_once(
    household: Household, anna: Browser
) -> None:
    (household.settings.home / "lost-password-code").write_text(f"{CODE}\n")
    stranger = Browser(household.app)
    wrong = {"code": "0000-0000", "address": ADDRESS, "password": "a new long password"}
    assert stranger.post("/login/lost", wrong, page="/login/lost").status_code == 403
    right = wrong | {"code": CODE.lower()}
    assert stranger.post("/login/lost", right, page="/login/lost").status_code == 303
    assert anna.get("/you").status_code == 303  # every older session is over
    assert household.people.verify(ADDRESS, "a new long password").name == "Anna"
    assert not (household.settings.home / "lost-password-code").exists()
    assert Browser(household.app).post("/login/lost", right, page="/login").status_code == 403


def test_a_code_that_is_not_there_fits_nothing(household: Household) -> None:
    assert not box.lost_code_fits(household.settings, "")
    assert not box.lost_code_fits(household.settings, CODE)
