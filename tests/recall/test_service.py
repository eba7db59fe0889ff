from __future__ import annotations

import base64
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from agent import settings
from agent.errors import NisseError, SettingsError, TooLargeError, UnreadableError
from agent.message import Passage
from agent.recall.service import Room, create_app
from agent.settings import Secret
from agent.wire.call import Client
from tests.live.ports import free_port
from tests.recall.learning import wait_until

NOTE = b"The samovar stands under the attic window."


@pytest.fixture
def http(wordy_room: Room) -> FlaskClient:
    return create_app(settings.load(), wordy_room).test_client()


def told(answer: TestResponse) -> dict[str, Any]:
    """The answer's JSON object."""
    body: dict[str, Any] = answer.get_json()
    return body


def document(data: bytes = NOTE, **changes: Any) -> dict[str, Any]:
    body = {"name": "attic.txt", "media_type": "text/plain", "audience": "house", "source": {"by": "anna"}}
    return {**body, "data": base64.b64encode(data).decode(), **changes}


def test_a_document_is_added_listed_found_and_removed(http: FlaskClient) -> None:
    added = http.post("/documents", json=document())
    assert added.status_code == 201
    assert {"id", "name", "pages", "passages", "already"} <= set(told(added))
    assert told(added)["already"] is False
    again = http.post("/documents", json=document())
    assert (again.status_code, told(again)["id"], told(again)["already"]) == (201, told(added)["id"], True)

    (listed,) = told(http.get("/documents?person=anna"))["documents"]
    assert (listed["name"], listed["source"], listed["passages"]) == ("attic.txt", {"by": "anna"}, 1)

    query = {"query": "Is the samovar under a window?", "person": "anna", "limit": 3}
    (found,) = told(http.post("/search", json=query))["passages"]
    assert Passage.from_json(found).text == NOTE.decode()

    assert http.delete(f"/documents/{told(added)['id']}").status_code == 200
    assert http.delete(f"/documents/{told(added)['id']}").status_code == 404
    assert told(http.post("/search", json=query)) == {"passages": []}


def test_memories_are_kept_once_and_forgotten(http: FlaskClient) -> None:
    memory = {"person": "anna", "text": "I collect old samovars.", "message_id": "m1", "at": 1_700_000_000}
    assert [told(http.post("/memories", json=memory))["already"] for _ in range(2)] == [False, True]
    query = {"query": "samovars collect", "person": "anna"}
    assert len(told(http.post("/search", json=query))["passages"]) == 1
    assert told(http.post("/search", json={**query, "person": "bob"})) == {"passages": []}
    assert told(http.delete("/memories?person=anna")) == {"removed": 1}
    assert told(http.post("/search", json=query)) == {"passages": []}


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/documents", document(name=""), "name"),
        ("/documents", document(audience=None), "audience"),
        ("/documents", {**document(), "data": "?"}, "data"),
        ("/documents", document(source=[1]), "source"),
        ("/search", {"query": 3, "person": "anna"}, "query"),
        ("/search", {"query": "tea"}, "person"),
        ("/search", {"query": "tea", "person": "anna", "limit": "3"}, "limit"),
        ("/memories", {"person": "anna", "text": "tea", "message_id": "1"}, "at"),
        ("/memories", {"person": "anna", "text": "", "message_id": "1", "at": 1}, "text"),
    ],
)
def test_a_wrong_request_is_told_which_field_is_wrong(
    http: FlaskClient, path: str, body: dict[str, Any], param: str
) -> None:
    answer = http.post(path, json=body)
    assert (answer.status_code, told(answer)["error"]["param"]) == (400, param)


def test_halves_of_characters_do_no_harm(http: FlaskClient) -> None:
    memory = {"person": "anna", "text": "half \ud83d\0 samovar", "message_id": "m1", "at": 1}
    assert http.post("/memories", json=memory).status_code == 201
    query = {"query": "samovar \udc00 half", "person": "anna"}
    assert len(told(http.post("/search", json=query))["passages"]) == 1


def test_an_unreadable_document_gets_415_and_a_hint(http: FlaskClient) -> None:
    answer = http.post("/documents", json=document(b"\0\1\2" * 99, name="photo.jpg"))
    assert answer.status_code == 415
    assert told(answer)["error"]["hint"]


def test_it_says_that_it_finds_by_words_only_while_there_is_no_model(http: FlaskClient) -> None:
    http.post("/documents", json=document())
    info = told(http.get("/info"))
    assert (info["ready"], info["embedding"], info["pending"]) == (True, False, 1)
    assert "words only" in info["state"]


def test_beyond_loopback_it_wants_a_token(wordy_room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NISSE_RECALL_URL", "http://192.0.2.1:8702")
    with pytest.raises(SettingsError):
        create_app(settings.load(), wordy_room)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The service as its own process."""
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("NISSE_RECALL_URL", url)
    start = "from agent import settings; from agent.recall import service; service.main(settings.load())"
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", start], cwd=root) as process:
        http = Client("recall", url, Secret(""))
        wait_until(lambda: _answers(http))
        yield http
        http.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def _answers(http: Client) -> bool:
    try:
        return bool(http.get("/health")["ready"])
    except NisseError:
        return False


@pytest.mark.usefixtures("room_without_models")
def test_over_real_sockets_sizes_are_limited_and_a_pdf_is_told_from_rubbish(served: Client) -> None:
    with pytest.raises(TooLargeError):
        served.post("/documents", document(b"x" * 30_000_000))
    with pytest.raises(TooLargeError, match="25 MB"):
        served.post("/documents", document(b"x" * 25_300_000))
    with pytest.raises(UnreadableError, match="damaged"):
        served.post("/documents", document(b"%PDF-1.4 rubbish", name="a.pdf"))
    assert served.post("/documents", document())["passages"] == 1


@pytest.mark.models
def test_a_new_document_is_embedded_in_the_background(models: Path, served: Client) -> None:
    served.post("/documents", document(b"The dustbin lorry comes on Tuesdays before seven in the morning."))
    wait_until(lambda: served.get("/info")["pending"] == 0)
    query = {"query": "When is the trash collected?", "person": "anna"}
    (found,) = served.post("/search", query)["passages"]
    assert "Tuesdays" in found["text"]
