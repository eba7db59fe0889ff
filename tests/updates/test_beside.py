"""The services beside updates, and telling the owner: what is asked of them, and what is made of their answers and of their silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from agent.errors import NisseError, RequestError, UnreachableError
from agent.settings import Secret
from agent.wire.call import Client
from provisioning.updates import this_box
from provisioning.updates.beside import Brain, Conversation, Recall
from provisioning.updates.book import Book, Letter
from provisioning.updates.telling import Telling
from tests.live.running import until
from tests.live.served import Served
from tests.updates.test_judging import EMBED, MODEL

NAME = f"{EMBED.model.name}@{EMBED.model.files[0].sha256[:12]}"


class Beside:
    """Answers as the services do."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.info: Any = {
            "model": "new",
            "wanted": {"name": "new"},
            "answered": 3,
            "process": "p",
            "crashes": {"new": 1},
        }
        self.indexes: list[dict[str, Any]] = []
        self.status = 200
        app = Flask("beside")
        app.add_url_rule("/<path:path>", view_func=self._answer, methods=["GET", "POST", "DELETE"])
        self.served = Served(app)

    def _answer(self, path: str) -> Any:
        self.asked.append((request.method, path, request.get_json(silent=True)))
        if self.status != 200:
            return {
                "error": {"message": "No.", "code": "not_found" if self.status == 404 else "unavailable"}
            }, self.status
        if path == "info":
            return self.info
        if path == "trials":
            return {"ended": "well", "peak": 90, "answers": [{"text": "4", "tokens": 2}]}
        if path == "index":
            return {"indexes": self.indexes}, 202
        if path.startswith("v1/"):
            return {"choices": [{"message": {"content": "Four."}}]}
        return {"owners": 1}, 202


@pytest.fixture
def beside() -> Iterator[Beside]:
    made = Beside()
    with made.served:
        yield made


@pytest.fixture
def client(beside: Beside) -> Iterator[Client]:
    made = Client("beside", beside.served.url, Secret(""))
    yield made
    made.close()


def test_the_brain_tells_how_it_is_and_its_silence_is_no_error(beside: Beside, client: Client) -> None:
    seen = Brain(client).seen()
    assert seen
    assert (seen.model, seen.wanted, seen.answered, seen.crashes) == ("new", "new", 3, {"new": 1})
    beside.info = {"crashes": "many"}
    assert Brain(client).seen() is None
    beside.status = 503
    assert Brain(client).seen() is None
    nobody = Client("brain", "http://127.0.0.1:9", Secret(""))
    assert Brain(nobody).seen() is None
    nobody.close()


def test_the_brain_tries_a_model_and_answers_a_probe(beside: Beside, client: Client) -> None:
    shown = Brain(client).trial(MODEL, [{"prompt": "2 + 2?", "max_tokens": 5}], 60, 400)
    assert (shown.ended, shown.peak, shown.answers[0]["text"]) == ("well", 90, "4")
    _, _, body = beside.asked[-1]
    assert body["model"]["name"] == MODEL.name
    assert (body["seconds"], body["most_memory"]) == (60, 400)
    assert Brain(client).ask("2 + 2?", 5) == "Four."


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("preparing", ("preparing", 3, 9)),
        ("ready", ("ready", 3, 9)),
        ("active", ("ready", 3, 9)),
        ("failed", ("failed: The disk is full.", 3, 9)),
    ],
)
def test_recall_makes_an_index_and_tells_how_far_it_is(
    beside: Beside, client: Client, state: str, told: tuple[str, int, int]
) -> None:
    beside.indexes = [
        {"embedder": NAME, "state": state, "done": 3, "total": 9, "problem": "The disk is full."}
    ]
    assert Recall(client).prepare(EMBED.model) == told


def test_an_index_that_is_not_there_need_not_be_dropped(beside: Beside, client: Client) -> None:
    Recall(client).drop(EMBED.model)
    assert beside.asked[-1][:2] == ("DELETE", f"index/{NAME}")
    beside.status = 404
    Recall(client).drop(EMBED.model)
    beside.status = 503
    with pytest.raises(NisseError):
        Recall(client).drop(EMBED.model)


def test_an_announcement_reaches_conversation(beside: Beside, client: Client) -> None:
    Conversation(client).announce("update-1", "A word", "More words.")
    assert beside.asked == [
        ("POST", "announcements", {"key": "update-1", "subject": "A word", "text": "More words."})
    ]


def test_the_owner_is_told_again_and_again_until_he_has_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioning.updates.telling._AGAIN_S", 0.01)
    monkeypatch.setattr("provisioning.updates.telling._LOOK_S", 0.01)
    book, tries = Book(tmp_path), []

    def announce(key: str, _subject: str, _text: str) -> None:
        tries.append(key)
        if len(tries) < 3:
            raise UnreachableError("Not yet.")

    book.tell(Letter(key="one", subject="s", text="t", at=1.0))
    book.tell(Letter(key="one", subject="s", text="t", at=2.0))  # the same
    telling = Telling(book, announce)
    telling.start()
    until(lambda: not book.letters(), 20, "the owner's ear")
    telling.close()
    assert tries == ["one"] * 3


def test_a_letter_that_is_refused_for_good_does_not_hold_up_the_others(tmp_path: Path) -> None:
    book, heard = Book(tmp_path), []

    def announce(key: str, _subject: str, _text: str) -> None:
        if key == "bad":
            raise RequestError("No such key.")
        heard.append(key)

    for key in ("bad", "good"):
        book.tell(Letter(key=key, subject="s", text="t", at=1.0))
    telling = Telling(book, announce)
    telling.start()
    until(lambda: not book.letters(), 20, "both")
    telling.close()
    assert heard == ["good"]


def test_what_nobody_foresaw_does_not_end_the_telling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("provisioning.updates.telling._AGAIN_S", 0.01)
    book, tries = Book(tmp_path), []

    def announce(key: str, _subject: str, _text: str) -> None:
        tries.append(key)
        if len(tries) < 3:
            raise ValueError("That is no JSON.")

    book.tell(Letter(key="one", subject="s", text="t", at=1.0))
    telling = Telling(book, announce)
    telling.start()
    until(lambda: not book.letters(), 20, "the owner's ear")
    telling.close()
    assert "telling.broke" in caplog.text


def test_a_box_keeps_its_number_and_gets_another_where_it_was_lost(tmp_path: Path) -> None:
    first = this_box.look(tmp_path)
    assert first.id
    assert this_box.look(tmp_path) == first
    (tmp_path / "box.json").write_text("{}")
    assert this_box.look(tmp_path).id != first.id
    assert this_box.boot(tmp_path / "none") == ""
