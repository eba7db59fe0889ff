"""The page Mail: several mailboxes, how each is, and help with the form."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from agent import settings as ground
from agent.settings import Settings
from tests.fakes.login_provider import CLIENT, LoginProvider
from webui import mail_form

from .conftest import Browser, Household

GARDEN = {
    "mail.address": "Garden@example.org",
    "mail.password": "hush hush",
    "mail.imap_host": "imap.example.org",
}
FIRST = {"mail.address": "nisse@example.org", "mail.password": "hush first"}


def kept(household: Household) -> Settings:
    return ground.load({**os.environ, "NISSE_HOME": str(household.settings.home)})


def report(household: Household, **more: Any) -> list[str]:
    """What the mail channel says of the first mailbox; what it hears."""
    account = {
        "account": "nisse@example.org",
        "state": "works",
        "why": "",
        "hint": "",
        "set_aside": [],
        **more,
    }
    return household.room.channels.report("mail", {"accounts": [account]})


def test_a_mailbox_is_added_changed_and_removed(household: Household, anna: Browser) -> None:
    anna.post("/mail", FIRST, page="/mail")
    answer = anna.post("/mail/more", GARDEN, page="/mail/more")
    assert answer.location == "/mail/more/garden"
    page = anna.get("/mail/more/garden").text
    assert "Garden@example.org" in page
    assert "hush hush" not in page
    garden = kept(household).entry("mail", "garden")
    assert garden.secret("mail.password").reveal() == "hush hush"
    assert kept(household).text("mail.address") == "nisse@example.org", "the first is as it was"
    change = {"mail.address": "garden@example.org", "mail.password": "", "mail.imap_port": "143"}
    assert anna.post("/mail/more/garden", change, page="/mail/more/garden").status_code == 303
    garden = kept(household).entry("mail", "garden")
    assert (garden.number("mail.imap_port"), garden.text("mail.imap_host")) == (143, "imap.example.org")
    assert garden.secret("mail.password").reveal() == "hush hush"
    anna.post("/mail/more/garden/remove", {}, page="/mail/more/garden")
    assert kept(household).further("mail") == ()
    assert anna.get("/mail/more/garden").status_code == 404


def test_a_second_mailbox_of_one_address_is_refused_and_names_never_clash(
    household: Household, anna: Browser
) -> None:
    anna.post("/mail/more", GARDEN, page="/mail/more")
    again = anna.post("/mail/more", GARDEN, page="/mail/more")
    assert again.status_code == 400
    assert "already" in again.text
    anna.post("/mail/more", GARDEN | {"mail.address": "garden@example.net"}, page="/mail/more")
    anna.post("/mail/more", GARDEN | {"mail.address": "ÄÖ@example.net"}, page="/mail/more")
    assert kept(household).further("mail") == ("garden", "garden-2", "mailbox")
    assert anna.post("/mail/more", {"mail.address": ""}, page="/mail/more").status_code == 400


def test_there_are_at_most_eight_mailboxes(household: Household, anna: Browser) -> None:
    for number in range(7):
        assert (
            anna.post(
                "/mail/more", GARDEN | {"mail.address": f"{number}@example.org"}, page="/mail/more"
            ).status_code
            == 303
        )
    answer = anna.post("/mail/more", GARDEN, page="/mail/more")
    assert answer.status_code == 400
    assert "8 mailboxes" in answer.text


def test_mailboxes_are_for_owners(household: Household, anna: Browser, otto: Browser) -> None:
    for path in ("/mail", "/mail/more"):
        assert otto.get(path).status_code == 403
    for path in ("/mail/more", "/mail/again", "/mail/find", "/mail/permit", "/mail/test"):
        assert otto.post(path, {}, page="/help").status_code == 403


@pytest.mark.rule("E5")
def test_a_refused_password_is_told_at_mail_and_at_health_and_can_be_tried_again(
    household: Household, anna: Browser
) -> None:
    anna.post("/mail", FIRST, page="/mail")
    assert "Nothing was heard of it yet" in anna.get("/mail").text
    report(household)
    assert "Receives and sends" in anna.get("/mail").text
    stopped = {
        "state": "stopped",
        "why": "The server refuses the password.",
        "hint": "Take an <app> password.",
    }
    report(household, **stopped)
    for path in ("/mail", "/health"):
        page = anna.get(path).text
        assert "The server refuses the password." in page
        assert "&lt;app&gt;" in page
    assert "Try again" in anna.get("/mail").text
    anna.post("/mail/again", {"account": "nisse@example.org"}, page="/mail")
    assert report(household, **stopped) == ["nisse@example.org"]


@pytest.mark.rule("E6")
def test_what_was_set_aside_is_listed(household: Household, anna: Browser) -> None:
    anna.post("/mail", FIRST, page="/mail")
    aside = {
        "sender": "bob@example.org",
        "subject": "<b>Bins</b>",
        "why": "It cannot be read.",
        "folder": "INBOX",
        "at": 1e9,
    }
    report(household, set_aside=[aside])
    page = anna.get("/mail").text
    assert "&lt;b&gt;Bins&lt;/b&gt;" in page
    assert "From bob@example.org" in page
    assert "It cannot be read." in page


def test_while_conversation_is_away_the_page_is_there(household: Household, anna: Browser) -> None:
    anna.post("/mail", FIRST, page="/mail")
    household.falls_asleep()
    assert "nisse@example.org" in anna.get("/mail").text


def test_the_servers_of_an_address_are_found(household: Household, anna: Browser) -> None:
    found = anna.post("/mail/find", {"mail.address": "nisse@gmail.com", "entry": ""}, page="/mail").json
    assert found
    assert found["ok"] is True
    assert found["values"]["mail.smtp_host"] == "smtp.gmail.com"
    names = {field.setting.key for field in mail_form.fields(household.settings.home)}
    assert set(found["values"]) <= names, "each has a field in the form"
    unknown = anna.post("/mail/find", {"mail.address": "nisse@example.org", "entry": "+"}, page="/mail").json
    assert unknown
    assert unknown["ok"] is False
    assert "if you allow it" in unknown["hint"]


def test_a_permission_is_fetched_and_kept_and_never_shown(household: Household, anna: Browser) -> None:
    with LoginProvider("nisse@example.org") as provider:
        urls = {
            "mail.oauth_device_url": f"{provider.url}/device",
            "mail.oauth_token_url": f"{provider.url}/token",
        }
        ground.save(household.settings.home, {"mail.address": "nisse@example.org", **urls})
        form = {"entry": "", "mail.oauth_client": CLIENT, "mail.address": "nisse@example.org"}
        question = anna.post("/mail/permit", form, page="/mail").json
        assert question
        assert question["code"] == "WDJB-MJHT"
        assert kept(household).text("mail.oauth_client") == "", "nothing is kept before there is a permission"
        fetch = form | {"device_code": question["device_code"]}
        assert "granted" not in (anna.post("/mail/permit", fetch, page="/mail").json or {})
        provider.said_yes = True
        answer = anna.post("/mail/permit", fetch, page="/mail")
        assert answer.json
        assert answer.json["granted"] is True
    values = kept(household)
    permission = values.secret("mail.oauth_permission").reveal()
    assert permission in provider.permissions
    assert permission not in answer.text
    assert permission not in anna.get("/mail").text
    assert (values.text("mail.login"), values.text("mail.oauth_client")) == ("oauth2", CLIENT)


def test_a_mailbox_that_is_not_saved_gets_no_permission(household: Household, anna: Browser) -> None:
    answer = anna.post("/mail/permit", {"entry": "+"}, page="/mail")
    assert answer.status_code == 400


def test_the_form_asks_first_before_anybody_outside_is_asked(household: Household, anna: Browser) -> None:
    page = anna.get("/mail").text
    box = re.search(r'<input type="checkbox" name="outside"[^>]*>', page)
    assert box
    assert "checked" not in box[0]
