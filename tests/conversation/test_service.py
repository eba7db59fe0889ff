"""Conversation as a real process, with a scripted brain, and with brain or recall away."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.errors import ForbiddenError, RequestError, TooLargeError
from agent.message import VERIFIED, Attachment, Message
from tests.fakes.brain import Brain
from tests.live.running import Running, until


def echo(messages: list[dict[str, str]]) -> Iterator[str]:
    yield from ("You ", "said: ", messages[-1]["content"].rpartition("\n")[2])


@pytest.fixture
def brain() -> Iterator[Brain]:
    with Brain(echo) as brain:
        yield brain


@pytest.fixture
def running(tmp_path: Path, brain: Brain) -> Iterator[Running]:
    with Running(tmp_path, {"brain.url": brain.url}) as running:
        running.start("conversation", wait_for="conversation")
        running.claim(console="anna")
        yield running


def say(running: Running, text: str, native_id: str = "1", **more: Any) -> str:
    message = Message(
        channel="console", native_id=native_id, sender="anna", text=text, level=VERIFIED, **more
    )
    return str(running.client("conversation").post("/messages", message.to_json())["id"])


def reply_of(running: Running, message_id: str, seconds: float = 20) -> dict[str, Any]:
    look = lambda: running.client("conversation").get(f"/messages/{message_id}")["reply"]  # noqa: E731
    return dict(until(look, seconds, "a reply"))


def events(running: Running, message_id: str, watched: threading.Event | None = None) -> list[dict[str, Any]]:
    """What a watcher sees; `watched` is set as soon as that is something."""
    seen = []
    for line in running.client("conversation").events(f"/messages/{message_id}/events"):
        if line:
            seen.append(json.loads(line))
            if watched:
                watched.set()
    return seen


def test_an_answer_streams_piece_by_piece_and_ends_with_the_reply(running: Running, brain: Brain) -> None:
    watched = threading.Event()

    def patient(messages: list[dict[str, str]]) -> Iterator[str]:
        first, *more = echo(messages)
        yield first
        watched.wait(20)  # whoever comes after the answer is given the reply alone
        yield from more

    brain.script = patient
    seen = events(running, say(running, "hello"), watched)
    assert "".join(row.get("piece", "") for row in seen).startswith("You said: hello")
    assert seen[-1]["reply"]["text"].startswith("You said: hello")
    assert brain.priorities == ["interactive"]
    [anna] = running.client("conversation").get("/people")["people"]
    assert brain.requests[0]["user"] == anna["id"]


def test_with_recall_away_it_answers_and_says_so(running: Running) -> None:
    assert "could not look into the house's documents" in reply_of(running, say(running, "hello"))["text"]


def test_a_late_watcher_gets_the_reply_at_once(running: Running) -> None:
    message_id = say(running, "hello")
    reply_of(running, message_id)
    assert "reply" in events(running, message_id)[-1]


def test_a_brain_that_breaks_off_is_asked_again_and_the_answer_is_one(running: Running, brain: Brain) -> None:
    attempts = []
    watched = threading.Event()

    def stumble(messages: list[dict[str, str]]) -> Iterator[str]:
        attempts.append(1)
        yield "Half an "
        if len(attempts) == 1:
            watched.wait(20)
            raise ConnectionError
        yield "answer."

    brain.script = stumble
    message_id = say(running, "hello")
    seen = events(running, message_id, watched)
    assert {"reset": True} in seen
    assert reply_of(running, message_id)["text"].startswith("Half an answer.")
    assert len(attempts) == 2


def test_a_message_waits_for_a_brain_that_is_away(tmp_path: Path) -> None:
    with Running(tmp_path) as running:
        running.start("conversation", wait_for="conversation")
        running.claim(console="anna")
        message_id = say(running, "hello")
        help_id = say(running, "help", "2", thread="other")
        assert "keep" in reply_of(running, help_id)["text"]
        assert running.client("conversation").get(f"/messages/{message_id}")["state"] in (
            "received",
            "claimed",
        )


def test_killed_while_answering_it_answers_once_after_the_restart(running: Running, brain: Brain) -> None:
    go_on = threading.Event()

    def slow(messages: list[dict[str, str]]) -> Iterator[str]:
        yield "Slowly"
        go_on.wait(30)
        yield " done."

    brain.script = slow
    message_id = say(running, "hello")
    until(lambda: brain.requests, 10, "the brain's first request")
    process = running._started[-1]
    process.send_signal(signal.SIGKILL)
    process.wait()
    go_on.set()
    running.start("conversation", wait_for="conversation")
    assert reply_of(running, message_id)["text"].startswith("Slowly done.")
    replies = running.client("conversation").get("/replies", channel="console")["replies"]
    assert [row["id"] for row in replies] == [message_id]


def test_a_background_message_is_asked_as_such(running: Running, brain: Brain) -> None:
    message = Message(
        channel="mail",
        address_kind="mail",
        native_id="m",
        sender="anna@nisse.test",
        text="hello",
        level=VERIFIED,
    )
    reply_of(running, running.client("conversation").post("/messages", message.to_json())["id"])
    assert brain.priorities == ["background"]


def test_a_long_poll_returns_as_soon_as_there_is_a_reply(running: Running) -> None:
    say(running, "help")
    replies = running.client("conversation").get("/replies", channel="console", wait=20)["replies"]
    assert len(replies) == 1


def test_an_exchange_that_recall_could_not_take_is_not_forgotten(running: Running) -> None:
    reply_of(running, say(running, "hello"))
    with contextlib.closing(sqlite3.connect(running.home / "conversation.db")) as database:
        assert database.execute("SELECT remembered FROM outbox").fetchone() == (0,)


def test_bad_requests_get_a_clear_error(running: Running) -> None:
    conversation = running.client("conversation")
    for body in ({}, {"channel": "mail"}, {"channel": 5, "native_id": "1", "sender": "x", "text": "y"}):
        with pytest.raises(RequestError):
            conversation.post("/messages", body)
    large = Message(
        channel="mail",
        native_id="1",
        sender="anna@nisse.test",
        text="",
        attachments=(Attachment(name="x", data=b"0" * 40_000_000),),
    )
    with pytest.raises(TooLargeError):
        conversation.post("/messages", large.to_json())


def test_a_web_page_cannot_call_a_service(running: Running) -> None:
    url = running.settings.text("conversation.url")
    for headers in (
        {"Origin": "http://evil.example"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        answer = httpx.get(f"{url}/people", headers=headers)
        assert answer.status_code == ForbiddenError.status
        assert answer.json()["error"]["code"] == "forbidden"


def test_beyond_loopback_a_token_is_demanded(tmp_path: Path) -> None:
    running = Running(tmp_path, {"conversation.url": "http://0.0.0.0:1"})
    process = running.start("conversation")
    assert process.wait(20) == 1
    assert "would be open to the network without a token" in (tmp_path / "conversation.out").read_text()


def test_with_a_token_only_its_bearer_is_served(tmp_path: Path) -> None:
    with Running(tmp_path, {"conversation.token": "very-secret-token"}) as running:
        running.start("conversation", wait_for="conversation")
        url = running.settings.text("conversation.url")
        assert httpx.get(f"{url}/people").status_code == 401
        assert httpx.get(f"{url}/people", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert running.client("conversation").get("/people") == {"people": []}
        assert "very-secret-token" not in (tmp_path / "conversation.out").read_text()


def test_a_second_house_on_the_same_home_is_refused(running: Running) -> None:
    environment = running.environment | {"NISSE_CONVERSATION_URL": "http://127.0.0.1:1"}
    second = subprocess.run(
        [sys.executable, "-m", "agent", "conversation"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert "Another process works with conversation.db" in second.stderr
