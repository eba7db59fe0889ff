"""What channels say of themselves, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from agent import settings
from agent.conversation.service import create_app, furnish

STOPPED = {
    "account": "nisse@example.org",
    "state": "stopped",
    "why": "The server refuses the password.",
    "hint": "Take an app password.",
    "since": 1.5,
    "set_aside": [
        {"sender": "a@example.org", "subject": "x", "why": "It is empty.", "folder": "INBOX", "at": 2}
    ],
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    values = settings.load({"NISSE_HOME": str(tmp_path)})
    room = furnish(values)
    yield create_app(values, room).test_client()
    room.store.close()


def test_a_report_is_kept_until_the_next_one(client: FlaskClient) -> None:
    assert client.get("/channels").json == {"channels": []}
    client.post("/channels/mail", json={"accounts": [STOPPED]})
    client.post("/channels/mail", json={"accounts": [STOPPED]})
    answer: Any = client.get("/channels").json
    (report,) = answer["channels"]
    assert report["channel"] == "mail"
    assert report["accounts"] == [STOPPED]
    client.post("/channels/mail", json={"accounts": []})
    answer = client.get("/channels").json
    assert answer["channels"][0]["accounts"] == []


def test_a_channel_hears_once_what_is_to_be_tried_again(client: FlaskClient) -> None:
    body = {"accounts": [STOPPED]}
    assert client.post("/channels/mail", json=body).json == {"again": []}
    assert client.post("/channels/mail/again", json={"account": "nisse@example.org"}).status_code == 200
    assert client.post("/channels/mail", json=body).json == {"again": ["nisse@example.org"]}
    assert client.post("/channels/mail", json=body).json == {"again": []}


@pytest.mark.parametrize(
    "body", [{}, {"accounts": "x"}, {"accounts": ["x"]}, {"accounts": [{"set_aside": "x"}]}]
)
def test_what_is_no_report_is_refused(client: FlaskClient, body: dict[str, Any]) -> None:
    assert client.post("/channels/mail", json=body).status_code == 400
    assert client.get("/channels").json == {"channels": []}


def test_a_report_is_bounded(client: FlaskClient) -> None:
    aside = [{**STOPPED["set_aside"][0], "subject": "y" * 1_000}] * 100  # type: ignore[index]
    client.post("/channels/mail", json={"accounts": [STOPPED | {"set_aside": aside, "since": "never"}] * 100})
    answer: Any = client.get("/channels").json
    accounts = answer["channels"][0]["accounts"]
    assert len(accounts) == 50
    assert len(accounts[0]["set_aside"]) == 50
    assert len(accounts[0]["set_aside"][0]["subject"]) == 500
    assert accounts[0]["since"] == 0.0
    for number in range(100):
        client.post(f"/channels/{number}", json={"accounts": []})
    answer = client.get("/channels").json
    assert len(answer["channels"]) == 50
