"""The guard at the door, tried as an attacker would."""

from __future__ import annotations

import pytest

from webui.guard import is_own
from webui.session import COOKIE, IDLE_S, LONGEST_S

from .conftest import ADDRESS, PASSWORD, Browser, Household


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "nisse.local.evil.example",
        "nisse-1.local",
        "nisse.evil",
        "8.8.8.8",
        "[::ffff:8.8.8.8]",
        "a b",
        "nisselocal",
    ],
)
def test_a_foreign_name_is_misdirected(household: Household, host: str) -> None:
    answer = Browser(household.app).client.get("/healthz", headers={"Host": host}, buffered=True)
    assert answer.status_code == 421
    assert COOKIE not in answer.headers.get("Set-Cookie", "")


@pytest.mark.parametrize(
    "host",
    ["nisse.local", "NISSE.local:8080", "nisse-2.local", "nisse", "localhost", "127.0.0.1:80", "[::1]"],
)
def test_the_box_answers_by_its_own_names(host: str) -> None:
    assert is_own(host, "nisse")


def test_every_answer_carries_the_headers(anna: Browser) -> None:
    for path in ("/", "/setup", "/nowhere", "/static/portal.css", "/healthz"):
        headers = anna.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/", "/documents", "/letters", "/people", "/mail", "/health", "/help", "/you", "/setup/mail"]
)
def test_no_page_needs_what_the_policy_forbids(anna: Browser, path: str) -> None:
    page = anna.get(path).text
    assert "<style" not in page
    assert " style=" not in page
    assert " on" not in {word[:3] for word in page.split('"') if "=" in word and word.startswith(" on")}
    assert "<script>" not in page
    assert "//" not in page.replace("http://nisse.local", "").replace("http://www.w3.org", "")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(household: Household, anna: Browser) -> None:
    cookie = next(
        value for value in Browser(household.app).logs_in().headers.getlist("Set-Cookie") if COOKIE in value
    )
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_forged_request_is_refused_even_with_the_token(anna: Browser, headers: dict[str, str]) -> None:
    form = {"name": "Mallory", "address": "mallory@example.org", "csrf": anna.token("/people")}
    answer = anna.client.post("/people", data=form, base_url=anna.base, headers=headers)
    assert answer.status_code == 403
    assert "Mallory" not in anna.get("/people").text


@pytest.mark.parametrize("token", ["", "0" * 64, "Ä"])
def test_a_request_without_the_token_is_refused(anna: Browser, token: str) -> None:
    form = {"name": "Mallory", "address": "mallory@example.org", "csrf": token}
    assert anna.client.post("/people", data=form, base_url=anna.base).status_code == 403
    assert anna.client.post("/logout", data={"csrf": token}, base_url=anna.base).status_code == 403


def test_a_planted_session_is_worth_nothing_after_login(household: Household, anna: Browser) -> None:
    planted = "A" * 43
    victim = Browser(household.app)
    victim.client.set_cookie(COOKIE, planted, domain="localhost")
    victim.logs_in()
    attacker = Browser(household.app)
    attacker.client.set_cookie(COOKIE, planted, domain="localhost")
    assert victim.get("/").status_code == 200
    assert attacker.get("/").location == "/login"


def test_logging_out_revokes_the_cookie_itself(household: Household, anna: Browser) -> None:
    cookie = anna.client.get_cookie(COOKIE, domain="localhost")
    assert cookie
    anna.post("/logout", {}, page="/help")
    thief = Browser(household.app)
    thief.client.set_cookie(COOKIE, cookie.value, domain="localhost")
    assert thief.get("/").location == "/login"


@pytest.mark.parametrize(
    ("visits", "every", "stays"),
    [(1, IDLE_S + 1, False), (3, IDLE_S - 60, True), (70, LONGEST_S / 60, False)],
)
def test_a_session_ends_when_idle_or_old(
    household: Household, anna: Browser, visits: int, every: float, stays: bool
) -> None:
    for _ in range(visits):
        household.now += every
        answer = anna.get("/help")
    assert (answer.status_code == 200) is stays


def test_the_database_does_not_hold_the_cookie(household: Household, anna: Browser) -> None:
    cookie = anna.client.get_cookie(COOKIE, domain="localhost")
    assert cookie
    for file in household.settings.home.glob("portal.db*"):
        assert cookie.value.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "http://evil.example", "/\\evil.example", "/logout", "javascript:alert(1)"]
)
def test_logging_in_leads_nowhere_else(household: Household, anna: Browser, wanted: str) -> None:
    assert Browser(household.app).logs_in(next=wanted).location == "/"


def test_logging_in_leads_to_the_page_that_was_wanted(household: Household, anna: Browser) -> None:
    browser = Browser(household.app)
    assert browser.get("/documents").location == "/login?next=/documents"
    assert browser.logs_in(next="/documents").location == "/documents"


def test_wrong_passwords_are_throttled_but_the_owner_gets_in(household: Household, anna: Browser) -> None:
    guessers = [Browser(household.app, address=f"198.51.100.{number}") for number in range(8)]
    for guesser in guessers:
        answers = [guesser.logs_in(password="wrong wrong wrong").status_code for _ in range(6)]
    assert answers[-1] == 429
    assert Browser(household.app, address="192.0.2.50").logs_in().location == "/"
    assert guessers[0].logs_in().status_code == 429
    household.now += 3601
    assert guessers[0].logs_in().location == "/"


def test_a_wrong_address_and_a_wrong_password_look_alike(household: Household, anna: Browser) -> None:
    def page(address: str) -> str:
        answer = Browser(household.app, address=address).logs_in(address, "wrong wrong wrong")
        return answer.text.replace(address, "").split("csrf")[0]

    assert page(ADDRESS) == page("nobody@example.org")


def test_members_cannot_reach_what_is_for_owners(otto: Browser) -> None:
    for path in ("/people", "/mail", "/setup/mail"):
        assert otto.get(path).status_code == 403, path
    form = {"name": "Mallory", "address": "mallory@example.org"}
    assert otto.post("/people", form, page="/help").status_code == 403
    assert "What happened" not in otto.get("/health").text


def test_somebody_removed_is_out_at_once(household: Household, anna: Browser, otto: Browser) -> None:
    assert otto.get("/").status_code == 200
    person = next(one for one in household.people.everybody() if one.name == "Otto")
    anna.post(f"/people/{person.id}/remove", {}, page="/people")
    assert otto.get("/").location == "/login"
    assert otto.logs_in("otto@example.org", PASSWORD).status_code == 401
