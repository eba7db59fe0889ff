"""Models that an owner brings as files."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from agent.errors import ConflictError, ModelError, NotFoundError, RequestError, StorageError, TooLargeError
from agent.models import gguf_header
from agent.models.blobs import Blobs
from agent.models.catalogue import Model
from agent.wire import serve
from provisioning.updates import sideload as module
from provisioning.updates.golden import Questions
from provisioning.updates.owners import golden_routes, sideload_routes
from provisioning.updates.sideload import LARGEST_PIECE, Arrival, Sideload
from tests.conftest import CHAT_MODEL

PIECE = 1_000
FILE = b"GGUF" + bytes(range(256)) * 20


class Owner:
    """An owner with a box, and what became of the models handed on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.offered: list[Model] = []
        self.refuses: Exception | None = None
        self.news = threading.Event()
        self.sideload = self.restarted()

    def restarted(self) -> Sideload:
        self.sideload = Sideload(
            self.folder / "models",
            check=lambda path: (gguf_header.read(path), None)[1],
            offer=self.take,
            sticks=[self.folder / "media"],
        )
        return self.sideload

    def take(self, model: Model) -> None:
        if self.refuses:
            raise self.refuses
        self.offered.append(model)

    def send(self, data: bytes, name: str = "mine.gguf", piece: int = PIECE) -> Arrival:
        arrival = self.sideload.begin(name, len(data))
        for offset in range(arrival.done, len(data), piece):
            arrival = self.sideload.append(arrival.id, offset, data[offset : offset + piece])
        return arrival

    def outcome(self, identity: str) -> Arrival:
        return until(
            lambda: next(
                (
                    one
                    for one in self.sideload.arrivals()
                    if one.id == identity and one.step in ("handed on", "failed")
                ),
                None,
            )
        )


def until(look: Callable[[], Arrival | None]) -> Arrival:
    for _ in range(1_200):
        if found := look():
            return found
        threading.Event().wait(0.05)
    raise AssertionError("it did not happen in time")


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path)


@pytest.fixture
def real(models: Path) -> Path:
    (file,) = (models / CHAT_MODEL).glob("*.gguf")
    return file


@pytest.mark.models
def test_a_model_comes_piece_by_piece_and_is_handed_on(owner: Owner, real: Path) -> None:
    data = real.read_bytes()
    arrival = owner.send(data, "C:\\models\\My Smol (1).GGUF", piece=LARGEST_PIECE)
    owner.sideload.finish(arrival.id)
    assert owner.outcome(arrival.id).step == "handed on"
    (model,) = owner.offered
    assert model.name.startswith("my-smol-1-")
    assert model.shape
    assert Blobs(owner.folder / "models").sound(model.files[0].sha256)
    assert not list((owner.folder / "models" / "updates" / "sideload").iterdir())


@pytest.mark.models
def test_a_model_is_taken_from_a_stick(owner: Owner, real: Path) -> None:
    stick = owner.folder / "media" / "anna" / "STICK"
    stick.mkdir(parents=True)
    (stick / "model.gguf").symlink_to("/etc/passwd")
    (stick / "notes.txt").write_text("no model", encoding="utf-8")
    (stick / "smol.gguf").hardlink_to(real) if _same_disk(real, stick) else (stick / "smol.gguf").write_bytes(
        real.read_bytes()
    )
    (found,) = owner.sideload.on_sticks()
    assert (found.name, found.size) == ("smol.gguf", real.stat().st_size)
    arrival = owner.sideload.from_stick(found.path)
    assert owner.outcome(arrival.id).step == "handed on"
    for path in ("/etc/passwd", str(stick / "model.gguf"), f"{stick}/../STICK/smol.gguf"):
        with pytest.raises(NotFoundError):
            owner.sideload.from_stick(path)


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def test_sending_goes_on_after_a_restart(owner: Owner) -> None:
    begun = owner.sideload.begin("mine.gguf", len(FILE))
    owner.sideload.append(begun.id, 0, FILE[:PIECE])
    owner.restarted()
    assert owner.sideload.begin("mine.gguf", len(FILE)).done == PIECE
    assert owner.sideload.append(begun.id, 0, FILE[:PIECE]).done == PIECE
    for wrong in (PIECE - 1, PIECE + 1):
        with pytest.raises(ConflictError, match=str(PIECE)):
            owner.sideload.append(begun.id, wrong, FILE[wrong : wrong + PIECE])
    with pytest.raises(ConflictError, match="missing"):
        owner.sideload.finish(begun.id)
    with pytest.raises(RequestError, match="does not fit"):
        owner.sideload.append(begun.id, PIECE, FILE)


def test_what_is_no_model_is_told_and_leaves_nothing(owner: Owner) -> None:
    arrival = owner.send(FILE)
    owner.sideload.finish(arrival.id)
    failed = owner.outcome(arrival.id)
    assert failed.step == "failed"
    assert failed.problem
    assert not owner.offered
    assert not list((owner.folder / "models" / "updates" / "sideload").iterdir())
    owner.sideload.give_up(arrival.id)
    assert owner.sideload.arrivals() == []


def test_a_file_that_begins_otherwise_is_refused_at_its_first_piece(owner: Owner) -> None:
    begun = owner.sideload.begin("mine.gguf", 5_000)
    with pytest.raises(RequestError, match="no GGUF"):
        owner.sideload.append(begun.id, 0, b"PK\3\4" + b"x" * 500)
    assert owner.sideload.arrivals() == []


@pytest.mark.models
def test_what_cannot_be_taken_now_is_kept_and_tried_again(owner: Owner, real: Path) -> None:
    owner.refuses = ConflictError("Another update is at work.")
    arrival = owner.send(real.read_bytes(), piece=LARGEST_PIECE)
    owner.sideload.finish(arrival.id)
    assert "at work" in owner.outcome(arrival.id).problem
    owner.refuses = None
    owner.restarted().resume()
    assert owner.outcome(arrival.id).step == "handed on"
    assert len(owner.offered) == 1


@pytest.mark.parametrize("name", ["", "x", ".gguf", "../..", "model.bin", "a/.gguf"])
def test_a_name_that_is_none_is_refused(owner: Owner, name: str) -> None:
    with pytest.raises(RequestError):
        owner.sideload.begin(name, 5_000)


def test_there_are_limits(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (0, 64_000_000_001):
        with pytest.raises(TooLargeError):
            owner.sideload.begin("mine.gguf", size)
    for number in range(2):
        owner.sideload.begin(f"{number}.gguf", 5_000)
    with pytest.raises(ConflictError):
        owner.sideload.begin("3.gguf", 5_000)
    first = owner.sideload.arrivals()[0]
    owner.sideload.give_up(first.id)
    full = lambda _folder: type("Usage", (), {"free": 100_000_000})()  # noqa: E731
    monkeypatch.setattr("provisioning.updates.sideload.shutil.disk_usage", full)
    with pytest.raises(StorageError, match="MB are lacking"):
        owner.sideload.begin("4.gguf", 5_000)


@pytest.mark.parametrize("identity", ["", "x", "0" * 32, "../../../etc", "0" * 33])
def test_what_is_not_on_its_way_is_not_there(owner: Owner, identity: str) -> None:
    for ask in (owner.sideload.finish, owner.sideload.give_up):
        with pytest.raises(NotFoundError):
            ask(identity)
    with pytest.raises(NotFoundError):
        owner.sideload.append(identity, 0, b"GGUF")


@pytest.fixture
def http(owner: Owner, tmp_path: Path) -> FlaskClient:
    app = Flask("owners")
    serve.answer_errors(app)
    app.register_blueprint(sideload_routes(owner.sideload))
    app.register_blueprint(golden_routes(Questions(tmp_path)))
    return app.test_client()


def test_it_works_over_http(http: FlaskClient, owner: Owner) -> None:
    begun: Any = http.post("/sideload", json={"name": "mine.gguf", "size": len(FILE)}).get_json()
    body = {"offset": 0, "data": base64.b64encode(FILE).decode()}
    assert http.post(f"/sideload/{begun['id']}", json=body).get_json()["done"] == len(FILE)
    assert http.post(f"/sideload/{begun['id']}/finish", json={}).status_code == 202
    assert owner.outcome(begun["id"]).step == "failed"
    listed: Any = http.get("/sideload").get_json()
    assert [one["step"] for one in listed["arrivals"]] == ["failed"]
    assert http.delete(f"/sideload/{begun['id']}").status_code == 200
    for wrong in ({"offset": -1, "data": "AAAA"}, {"offset": 0, "data": "?"}, {"data": "AAAA"}):
        assert http.post(f"/sideload/{'0' * 32}", json=wrong).status_code == 400


def test_golden_questions_over_http(http: FlaskClient) -> None:
    kept: Any = http.post("/golden", json={"question": "Why?", "answer": "Because.", "must": ["because"]})
    assert kept.status_code == 201
    listed: Any = http.get("/golden").get_json()
    assert len(listed["questions"]) == 1
    assert http.post("/golden", json={"question": "Why?", "answer": 3}).status_code == 400
    assert http.delete(f"/golden/{kept.get_json()['id']}").status_code == 200
    assert http.delete(f"/golden/{kept.get_json()['id']}").status_code == 404


def test_a_model_that_is_not_sound_is_final_and_a_full_disk_is_not() -> None:
    assert module._is_final(ModelError("broken"))
    assert module._is_final(RequestError("no"))
    assert not module._is_final(StorageError("full"))
