"""The page Messages: what became of each mail, for whom, and what an owner decides there."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from agent.message import ASSERTED, VERIFIED, Message

from .conftest import Browser, Household

numbers = itertools.count()


def comes(
    household: Household, sender: str = "anna@example.org", text: str = "When?", **more: Any
) -> Message:
    fields = {"channel": "mail", "address_kind": "mail", "level": VERIFIED, "subject": "Bins"}
    message = Message(
        **{**fields, "native_id": f"<{next(numbers)}@x>", "sender": sender, "text": text, **more}
    )
    household.room.inbox.receive(message)
    return message


def answered(household: Household) -> str:
    claimed = household.room.inbox.claim(interactive_only=False)
    assert claimed
    return household.room.outbox.answer(claimed, "Monday.", (), remember=False).id


@pytest.mark.rule("E31")
def test_each_mail_shows_who_wrote_how_sure_that_is_and_what_became_of_it(
    household: Household, anna: Browser
) -> None:
    comes(
        household,
        level=ASSERTED,
        evidence="dmarc=pass by mx.example.org",
        envelope={"account": "nisse@example.org"},
    )
    assert "Waits for its answer".lower() in anna.get("/messages").text.lower()
    reply = answered(household)
    household.room.outbox.step(reply, "sending")
    household.room.outbox.step(reply, "answered", reason="451 try later", after=60)
    assert "451 try later" in anna.get("/messages").text
    household.room.outbox.step(reply, "sending")
    household.room.outbox.step(reply, "sent")
    page = anna.get("/messages").text
    for words in (
        "Bins",
        "A server that the house trusts says that it is from anna@example.org: dmarc=pass by mx.example.org",
        "It came to nisse@example.org",
        "Came in",
        "The answer was written",
        "The mail server took it for delivery",
        "Anna: answered",
    ):
        assert words in page


@pytest.mark.rule("E57")
def test_an_answer_that_came_back_is_shown_and_the_owner_can_let_it_be_tried_again(
    household: Household, anna: Browser
) -> None:
    for _ in range(2):
        comes(household)
        reply = household.room.outbox.find(answered(household))
        assert reply
        household.room.desk.bounces.note(
            reply.outgoing_id, action="failed", status="5.1.1", said="<no> such user"
        )
    page = anna.get("/messages").text
    assert "the answer came back: 5.1.1 &lt;no&gt; such user" in page
    assert "Nothing is written there any more" in page
    comes(household, text="And now?")
    assert "E57" in anna.get("/messages").text
    anna.post("/messages/forgive", {"address": "anna@example.org"}, page="/messages")
    assert "Nothing is written there any more" not in anna.get("/messages").text


@pytest.mark.rule("E12")
def test_what_is_not_answered_says_why_and_by_which_rule(household: Household, anna: Browser) -> None:
    comes(household, automatic="Auto-Submitted: auto-replied", rule="E10")
    comes(household, automatic="its text is encrypted (PGP) and could not be read", rule="E20")
    comes(household, automatic="an invitation", rule="E19")
    page = anna.get("/messages").text
    for words in (
        "written by a machine",
        "By rule E10",
        "could not be read",
        "By rule E20",
        "an invitation",
        "By rule E19",
    ):
        assert words in page
    assert "Answer it after all" not in page


@pytest.mark.rule("E18")
def test_one_mail_too_many_is_answered_after_all_at_the_press_of_a_button(
    household: Household, anna: Browser
) -> None:
    for _ in range(10):
        comes(household)
    extra = comes(household, subject="The eleventh", text="Is it too late?")
    assert "Answer it after all" in anna.get("/messages").text
    at = household.room.inbox.find(extra.id).received_at
    assert anna.post(f"/messages/{extra.id}/answer", {"at": at}, page="/messages").status_code == 303
    assert household.room.inbox.find(extra.id).state == "received"
    assert anna.post(f"/messages/{extra.id}/answer", {"at": at}, page="/messages").status_code == 409


@pytest.mark.rule("E18")
def test_a_member_sees_and_answers_their_own_only(household: Household, anna: Browser, otto: Browser) -> None:
    for _ in range(11):
        extra = comes(household, subject="Anna's secret")
        theirs = comes(household, "otto@example.org", subject="Otto's secret")
    page = otto.get("/messages").text
    assert "Anna&#39;s secret" not in page
    assert "Otto&#39;s secret" in page
    assert "Otto&#39;s secret" not in anna.get("/messages").text
    at = household.room.inbox.find(extra.id).received_at
    assert otto.post(f"/messages/{extra.id}/answer", {"at": at}, page="/messages").status_code == 400
    assert otto.post(f"/messages/{theirs.id}/answer", {"at": at}, page="/messages").status_code == 303
    assert household.room.inbox.find(extra.id).state == "refused"


@pytest.mark.rule("E17")
def test_a_stranger_is_let_in_or_not_shown_again_by_an_owner(
    household: Household, anna: Browser, otto: Browser
) -> None:
    comes(household, "eve@example.net", subject="<b>Hello</b>")
    comes(household, "mallory@example.net", subject="Buy this")
    page = anna.get("/messages").text
    assert "Nobody here knows them" in page
    assert "<b>Hello" not in page
    assert "eve@example.net" not in otto.get("/messages").text
    form = {"name": "Eve", "address": "eve@example.net"}
    assert otto.post("/messages/let-in", form, page="/messages").status_code == 403
    assert anna.post("/messages/let-in", form, page="/messages").status_code == 303
    anna.post("/messages/ignore", {"address": "mallory@example.net"}, page="/messages")
    assert "Nobody here knows them" not in anna.get("/messages").text
    assert household.people.known("mail", "eve@example.net")
    assert anna.post("/messages/let-in", {**form, "name": "Eva"}, page="/messages").status_code == 409


@pytest.mark.rule("E18")
def test_a_halt_is_told_and_ended_by_an_owner(household: Household, anna: Browser, otto: Browser) -> None:
    for number in range(7):
        household.people.add(f"P{number}", "member", [("mail", f"p{number}@example.org")])
    for number in range(61):
        comes(household, f"p{number % 7}@example.org")
    assert "no mail is answered until" in otto.get("/messages").text
    for path in ("resume", "ignore", "forgive"):
        assert otto.post(f"/messages/{path}", {"address": "x@y.org"}, page="/messages").status_code == 403
    anna.post("/messages/resume", {}, page="/messages")
    assert "no mail is answered until" not in anna.get("/messages").text


@pytest.mark.rule("E12")
def test_a_storm_is_one_line(household: Household, anna: Browser) -> None:
    for _ in range(60):
        comes(household, "mailer-daemon@example.net", automatic="empty return path", rule="E11")
    page = anna.get("/messages").text
    assert "10 more from mailer-daemon@example.net" in page
    assert "Older" in page
    oldest = page.rpartition("before=")[2].partition('"')[0]
    assert anna.get(f"/messages?before={oldest}").status_code == 200


def test_what_is_no_message_is_refused_calmly(household: Household, anna: Browser) -> None:
    assert anna.post("/messages/nothing/answer", {"at": "x"}, page="/messages").status_code == 400
    assert anna.get("/messages?before=yesterday").status_code == 200
    household.falls_asleep()
    assert "not awake yet" in anna.get("/messages").text
