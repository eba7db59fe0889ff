"""From a fresh box to one with an owner, and everything that must not work on the way."""

from __future__ import annotations

import importlib.metadata
import re
import threading

from agent import claim
from webui.portal import portal
from webui.session import COOKIE

from .conftest import ADDRESS, NAME, PASSWORD, Browser, Household


def test_a_stranger_sees_only_the_wizard_before_the_claim(household: Household) -> None:
    stranger = Browser(household.app)
    for path in ("/", "/login", "/documents", "/people", "/chat/history", "/help", "/nowhere"):
        answer = stranger.get(path)
        assert answer.status_code == 303, path
        assert answer.location == "/setup", path
    assert "Code on the box" in stranger.get("/setup").text
    assert stranger.get("/healthz").json == {
        "service": "portal",
        "ready": True,
        "version": importlib.metadata.version("nisse"),
    }
    assert stranger.get("/static/nisse.svg").status_code == 200


def test_the_code_is_never_on_a_page(household: Household) -> None:
    code = claim.code(household.settings.home)
    assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}", code)
    assert code not in Browser(household.app).get("/setup").text


def test_the_code_is_forgiving_of_case_and_look_alikes(household: Household) -> None:
    code = claim.code(household.settings.home).lower().replace("-", " ").replace("0", "o").replace("1", "l")
    browser = Browser(household.app)
    assert browser.post("/setup/code", {"code": code}, page="/setup").status_code == 303
    assert "Who are you?" in browser.get("/setup").text


def test_wrong_codes_are_throttled_but_strangers_keep_nobody_out(household: Household) -> None:
    guesser = Browser(household.app)
    for _ in range(5):
        assert guesser.post("/setup/code", {"code": "AAAA-AAAA"}, page="/setup").status_code == 403
    assert guesser.types_the_code(household.settings.home).status_code == 429
    owner = Browser(household.app, address="192.0.2.9")
    assert owner.types_the_code(household.settings.home).status_code == 303
    household.now += 61
    assert guesser.types_the_code(household.settings.home).status_code == 303


def test_who_mistypes_the_code_while_strangers_guess_waits_for_seconds(household: Household) -> None:
    with household.app.app_context():
        throttle = portal().code_throttle
    owner = Browser(household.app)
    owner.post("/setup/code", {"code": "AAAA-AAAA"}, page="/setup")
    for number in range(200):
        throttle.failed(f"198.51.100.{number}", household.now)
    assert owner.types_the_code(household.settings.home).status_code == 429
    household.now += 5
    throttle.failed("203.0.113.1", household.now)
    assert owner.types_the_code(household.settings.home).status_code == 303


def test_a_password_is_kept_as_it_was_typed(household: Household) -> None:
    padded = f"  {PASSWORD} "
    browser = Browser(household.app)
    browser.types_the_code(household.settings.home)
    browser.post("/setup/owner", {"name": NAME, "address": ADDRESS, "password": padded}, page="/setup")
    assert Browser(household.app).logs_in(password=PASSWORD).status_code == 401
    assert Browser(household.app).logs_in(password=padded).location == "/"


def test_without_the_code_nobody_becomes_owner(household: Household) -> None:
    person = {"name": "Mallory", "address": "mallory@example.org", "password": PASSWORD}
    answer = Browser(household.app).post("/setup/owner", person, page="/setup")
    assert answer.status_code == 403
    assert not household.people.everybody()


def test_of_many_who_claim_at_once_one_becomes_owner(household: Household) -> None:
    browsers = [Browser(household.app, address=f"192.0.2.{number}") for number in range(10, 16)]
    for browser in browsers:
        browser.types_the_code(household.settings.home)
    tokens = [browser.token("/setup") for browser in browsers]
    ended: list[str] = []

    def claim_it(number: int) -> None:
        form = {
            "name": f"P{number}",
            "address": f"p{number}@example.org",
            "password": PASSWORD,
            "csrf": tokens[number],
        }
        answer = browsers[number].client.post(
            "/setup/owner", data=form, base_url="http://localhost", buffered=True
        )
        ended.append(str(answer.location))

    threads = [threading.Thread(target=claim_it, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended.count("/setup/mail") == 1
    assert [person.role for person in household.people.everybody()] == ["owner"]
    assert claim.code(household.settings.home) == ""


def test_a_short_password_is_refused_with_what_to_do(household: Household) -> None:
    browser = Browser(household.app)
    browser.types_the_code(household.settings.home)
    form = {"name": NAME, "address": ADDRESS, "password": "short"}
    answer = browser.post("/setup/owner", form, page="/setup")
    assert answer.status_code == 400
    assert "at least 10 characters" in answer.text
    assert f'value="{ADDRESS}"' in answer.text
    assert "short" not in re.findall(r'value="([^"]*)"', answer.text)


def test_a_lost_tab_goes_on_where_it_was(household: Household) -> None:
    browser = Browser(household.app)
    browser.becomes_owner(household.settings.home)
    assert browser.get("/").location == "/setup/mail"
    browser.client.delete_cookie(COOKIE, domain="localhost")
    browser.logs_in()
    assert browser.get("/").location == "/setup/mail"
    browser.post("/setup/mail", {"skip": "1"}, page="/setup/mail")
    assert browser.get("/").location == "/setup/done"
    assert "The house is yours" in browser.get("/setup/done").text
    assert browser.get("/").status_code == 200


def test_typing_the_code_and_claiming_each_give_a_new_session(household: Household) -> None:
    browser = Browser(household.app)
    seen: list[str] = []
    for step in (browser.get, None, None):
        if step:
            step("/setup")
        elif len(seen) == 1:
            browser.types_the_code(household.settings.home)
        else:
            form = {"name": NAME, "address": ADDRESS, "password": PASSWORD}
            browser.post("/setup/owner", form, page="/setup")
        cookie = browser.client.get_cookie(COOKIE, domain="localhost")
        assert cookie
        seen.append(cookie.value)
    assert len(set(seen)) == 3


def test_an_owner_made_elsewhere_ends_the_wizard_and_the_code(household: Household) -> None:
    household.people.claim("Anna", [("mail", ADDRESS)], PASSWORD)
    assert Browser(household.app).get("/setup").location == "/login"
    assert claim.code(household.settings.home) == ""


def test_a_box_whose_people_are_gone_can_be_claimed_again(household: Household) -> None:
    claim.used(household.settings.home)
    assert Browser(household.app).get("/").location == "/setup"
    assert claim.code(household.settings.home)


def test_while_the_house_wakes_up_the_wizard_waits(household: Household) -> None:
    household.falls_asleep()
    assert "waking up" in Browser(household.app).get("/setup").text
