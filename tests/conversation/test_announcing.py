"""What the house tells its owners unasked."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from agent.errors import RequestError, UnavailableError
from agent.letters import composing
from agent.message import Reply
from tests.live.running import Running, until

ACCOUNT = {"account": "nisse@example.org", "state": "works"}
TOLD = {"key": "update-7-failed", "subject": "A new model was not good enough", "text": "It was slower."}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path, {}) as running:
        running.start("conversation", wait_for="conversation")
        for body in (
            {"name": "Anna", "role": "owner", "addresses": [["mail", "anna@example.org"]]},
            {"name": "Otto", "role": "member", "addresses": [["mail", "otto@example.org"]]},
            {"name": "Ida", "role": "owner", "addresses": [["console", "ida"]]},
        ):
            running.client("conversation").post("/people", body)
        yield running


def has_accounts(running: Running, *accounts: dict[str, str]) -> None:
    running.client("conversation").post("/channels/mail", {"accounts": list(accounts)})


def announce(running: Running, **changes: Any) -> int:
    return int(running.client("conversation").post("/announcements", {**TOLD, **changes})["owners"])


def replies(running: Running, channel: str) -> list[Reply]:
    answer = running.client("conversation").get("/replies", channel=channel, wait=1)
    return [Reply.from_json(body) for body in answer["replies"]]


def test_every_owner_with_an_address_is_told_once_by_mail(running: Running) -> None:
    has_accounts(running, ACCOUNT)
    assert [announce(running) for _ in range(3)] == [1, 1, 1]
    (told,) = until(lambda: replies(running, "mail"), 20, "the announcement")
    assert (told.recipient, told.text, told.subject) == ("anna@example.org", TOLD["text"], TOLD["subject"])
    has_accounts(running)
    announce(running)
    assert len(replies(running, "mail")) == 1
    assert replies(running, "door") == []
    assert announce(running, key="update-8-failed") == 1
    assert until(lambda: replies(running, "door"), 20, "the letter")


def test_its_mail_is_no_answer_to_anything(running: Running) -> None:
    has_accounts(running, ACCOUNT)
    announce(running, subject="A new model\r\nBcc: x@example.org")
    (told,) = until(lambda: replies(running, "mail"), 20, "the announcement")
    mail = message_from_bytes(
        composing.compose(told, sender="nisse@example.org", name="Nisse"), policy=policy.default
    )
    assert mail["Subject"] == "A new model Bcc: x@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Bcc"] is None
    assert mail["In-Reply-To"] is None


def test_while_it_is_not_known_whether_there_is_an_account_it_waits(running: Running) -> None:
    with pytest.raises(UnavailableError):
        announce(running)
    has_accounts(running)
    assert announce(running) == 1
    assert until(lambda: replies(running, "door"), 20, "the letter")


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "Two words"},
        {"key": ""},
        {"subject": " "},
        {"subject": "x" * 151},
        {"text": "x" * 4001},
        {"text": 3},
    ],
)
def test_what_is_no_announcement_is_refused(running: Running, wrong: dict[str, Any]) -> None:
    has_accounts(running)
    with pytest.raises(RequestError):
        announce(running, **wrong)


def test_announcements_count_for_no_limit_and_stand_on_the_page_messages(running: Running) -> None:
    has_accounts(running, ACCOUNT)
    for number in range(15):
        announce(running, key=f"n{number}")
    until(lambda: len(replies(running, "mail")) == 15, 20, "all of them")
    (first, *_) = running.client("conversation").get("/timeline", everybody=1)["messages"]
    assert (first["rule"], first["state"]) == ("announcement", "answered")
