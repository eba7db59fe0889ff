"""A second index beside the one in use, and the embedder that takes over with the set of models."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlite_utils import Migrations

from agent import settings
from agent.embed.embedding import name_of
from agent.models.catalogue import Model
from agent.models.recorded import to_json
from agent.models.shelf import Shelf
from agent.recall import indexes, schema, service
from agent.recall.choice import Choice
from agent.recall.preparing import Progress
from agent.recall.service import Room, create_app
from agent.store import Store
from tests.recall import another, learning

pytestmark = pytest.mark.models
QUESTION = "How do I get the kitchen trash collected?"
ANSWER = "dustbin lorry"


@pytest.fixture
def folder(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = another.house_folder(models, tmp_path / "shelf")
    monkeypatch.setenv("NISSE_MODELS_FOLDER", str(place))
    return place


@pytest.fixture
def second(models: Path, folder: Path) -> Model:
    return another.shelved(models, folder)


@pytest.fixture
def house(folder: Path, household: dict[str, Any]) -> Iterator[Room]:
    """A room that knows the household by its own embedder."""
    room = service.furnish(settings.load())
    learning.teach(room, household)
    learning.embed_all(room)
    yield room
    room.preparing.stop()
    room.store.close()


def prepare(room: Room, model: Model) -> None:
    room.preparing.ask(model)
    assert room.preparing.make_next()


def progress(room: Room, model: Model) -> Progress:
    return next(one for one in room.preparing.progress() if one.embedder == name_of(model))


def finds(room: Room) -> bool:
    """Whether the paraphrase finds its passage, which words alone do not."""
    found = room.search.find(QUESTION, person="anna", limit=4)
    return any(ANSWER in passage.text for passage in found)


def test_the_second_index_is_made_beside_the_first_and_taken_with_the_set(
    house: Room, second: Model, folder: Path
) -> None:
    prepare(house, second)
    ready = progress(house, second)
    assert (ready.state, ready.done) == ("ready", ready.total)
    with house.store.reading() as database:
        first, other = indexes.everything(database)
    assert (other.floor.close, other.floor.far) == pytest.approx(
        (first.floor.close, first.floor.far), abs=0.01
    )
    assert house.choice.present().name == name_of(another.own())
    assert finds(house)

    another.switch(folder, before=another.own(), to=second)
    assert finds(house)
    assert house.choice.present().name == name_of(second)
    assert house.pending.count() == 0
    assert [one.state for one in house.preparing.progress()] == ["previous", "active"]

    another.switch(folder, to=another.own())
    assert finds(house)
    assert house.choice.present().name == name_of(another.own())
    assert house.pending.count() == 0


def test_what_is_new_meanwhile_comes_into_both(house: Room, second: Model, folder: Path) -> None:
    prepare(house, second)
    house.memory.keep("anna", "The canoe is stored below the veranda.", message_id="new", at=1.0)
    assert progress(house, second).state == "preparing"
    assert house.preparing.make_next()
    assert progress(house, second).state == "ready"
    learning.embed_all(house)
    another.switch(folder, before=another.own(), to=second)
    found = house.search.find("Under which porch does our paddling boat lie?", person="anna", limit=4)
    assert any("canoe" in passage.text for passage in found)


def test_a_switch_before_all_is_there_finds_by_words_and_catches_up(
    house: Room, second: Model, folder: Path
) -> None:
    another.switch(folder, to=second)
    found = house.search.find("When does the dustbin lorry come?", person="anna", limit=4)
    assert any(ANSWER in passage.text for passage in found)
    learning.embed_all(house)
    assert finds(house)


def test_a_restart_goes_on_with_what_was_asked_for(house: Room, second: Model) -> None:
    house.preparing.ask(second)
    house.store.close()
    again = service.furnish(settings.load())
    assert progress(again, second).state == "preparing"
    assert again.preparing.make_next()
    assert progress(again, second).state == "ready"
    assert not again.preparing.make_next()
    again.store.close()


def test_an_embedder_that_breaks_down_is_tried_three_times_and_harms_nobody(
    house: Room, second: Model, folder: Path
) -> None:
    (folder / second.name / "tokenizer.json").write_text("no tokenizer", encoding="utf-8")
    spoilt = dataclasses.replace(second.files[1], size=12, sha256=hashlib.sha256(b"no tokenizer").hexdigest())
    wrong = dataclasses.replace(second, files=(second.files[0], spoilt))
    assert Shelf(folder).adopt(wrong)
    prepare(house, wrong)
    while house.preparing.make_next():
        pass
    failed = progress(house, wrong)
    assert failed.state == "failed"
    assert "does not load" in failed.problem
    assert finds(house)
    house.preparing.ask(wrong)
    assert progress(house, wrong).state == "failed"
    house.preparing.ask(wrong, again=True)
    assert progress(house, wrong).state == "preparing"
    house.preparing.drop(name_of(wrong))
    assert [one.state for one in house.preparing.progress()] == ["active"]


def test_an_index_is_taken_away_but_not_the_one_in_use(house: Room, second: Model) -> None:
    prepare(house, second)
    http = create_app(settings.load(), house).test_client()
    assert http.delete(f"/index/{name_of(another.own())}").status_code == 409
    assert http.delete(f"/index/{name_of(second)}").status_code == 200
    assert http.delete(f"/index/{name_of(second)}").status_code == 404
    with house.store.reading() as database:
        tables = {row["name"] for row in database.conn.execute("SELECT name FROM sqlite_master")}
        assert "vectors_2" not in tables
        assert database.conn.execute("SELECT count(*) FROM windows WHERE number = 2").fetchone()[0] == 0
    assert finds(house)


def test_a_removed_document_leaves_both_indexes(house: Room, second: Model) -> None:
    prepare(house, second)
    for document in house.library.listed("house"):
        house.library.remove(document.id)
    house.memory.forget("anna")
    with house.store.reading() as database:
        for table in ("windows", "waiting", "vectors_1", "vectors_2"):
            assert database.conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0, table


@pytest.fixture
def http(house: Room) -> FlaskClient:
    return create_app(settings.load(), house).test_client()


def test_an_index_is_asked_for_over_http(http: FlaskClient, second: Model) -> None:
    answer = http.post("/index", json={"embedder": to_json(second)})
    assert answer.status_code == 202
    states = {one["model"]: one["state"] for one in answer.get_json()["indexes"]}
    assert states == {another.OWN: "active", second.name: "preparing"}


@pytest.mark.parametrize("wrong", [None, {}, {"name": "x"}, 3])
def test_what_is_no_embedder_is_refused(http: FlaskClient, wrong: object) -> None:
    answer = http.post("/index", json={"embedder": wrong})
    assert (answer.status_code, answer.get_json()["error"]["param"]) == (400, "embedder")


def test_an_embedder_whose_files_are_not_there_is_refused(http: FlaskClient, second: Model) -> None:
    absent = dataclasses.replace(second, name="absent")
    assert http.post("/index", json={"embedder": to_json(absent)}).status_code == 503


def test_a_set_that_cannot_be_read_leaves_the_embedder_of_the_settings(
    house: Room, second: Model, folder: Path
) -> None:
    another.switch(folder, to=second)
    for file in (folder / "sets").glob("*.json"):
        file.chmod(0o600)
        file.write_text("torn", encoding="utf-8")
    assert finds(house)
    assert house.choice.present().name == name_of(another.own())


def test_who_named_another_embedder_is_obeyed(house: Room, second: Model, folder: Path) -> None:
    another.switch(folder, to=second)
    assert house.choice.present().name == name_of(second)
    named = Choice(house.store, Shelf(folder), another.own(), obeys_sets=False)
    assert named.present().name == name_of(another.own())


def test_vectors_of_the_older_tables_are_kept(tmp_path: Path) -> None:
    old = Migrations("recall")
    old(name="m0001_documents_memories_passages")(schema.m0001_documents_memories_passages)
    path = tmp_path / "recall.db"
    store = Store(path, old)
    with store.transaction() as database:
        conn = database.conn
        conn.execute("INSERT INTO embedder VALUES ('all-minilm@abc')")
        conn.execute("INSERT INTO memories VALUES ('m', 'anna', 'anna', 'x', 1.0)")
        for identity, embedder in ((1, "all-minilm@abc"), (2, "")):
            conn.execute(
                "INSERT INTO passages VALUES (?, NULL, 'm', 'anna', '', 'text', 0, 0, 4, ?)",
                (identity, embedder),
            )
        conn.execute("INSERT INTO windows (id, passage) VALUES (7, 1)")
        conn.execute("INSERT INTO vectors (id, audience, embedding) VALUES (7, 'anna', zeroblob(1536))")
    store.close()
    room = schema.open_store(path)
    with room.reading() as database:
        conn = database.conn
        row = conn.execute("SELECT number, embedder, dimensions FROM indexes").fetchone()
        assert tuple(row) == (1, "all-minilm@abc", 384)
        assert [tuple(one) for one in conn.execute("SELECT number, passage FROM waiting")] == [(1, 2)]
        assert [tuple(one) for one in conn.execute("SELECT id, audience FROM vectors_1")] == [(7, "anna")]
        assert [tuple(one) for one in conn.execute("SELECT id, passage, number FROM windows")] == [(7, 1, 1)]
        conn.execute("DELETE FROM memories")
        assert conn.execute("SELECT count(*) FROM vectors_1").fetchone()[0] == 0
    room.close()


def works_as_the_version_before(path: Path, embedder: str) -> None:
    """What the version before indexes does at its start, and with one pending passage."""
    store = Store(path, Migrations("recall"))
    with store.transaction() as database:
        conn = database.conn
        row = conn.execute("SELECT name FROM embedder").fetchone()
        if row is None or row["name"] != embedder:
            conn.execute("DELETE FROM windows")
            conn.execute("DROP TABLE vectors")
            conn.execute(schema._vectors("vectors", 384))
            conn.execute("UPDATE passages SET embedder = '' WHERE embedder <> ''")
            conn.execute("DELETE FROM embedder")
            conn.execute("INSERT INTO embedder (name) VALUES (?)", (embedder,))
        passage = conn.execute("SELECT id FROM passages WHERE embedder = '' ORDER BY id DESC").fetchone()[
            "id"
        ]
        conn.execute("UPDATE passages SET embedder = ? WHERE id = ?", (embedder, passage))
        window = conn.execute("INSERT INTO windows (passage) VALUES (?)", (passage,)).lastrowid
        conn.execute(
            "INSERT INTO vectors (id, audience, embedding) VALUES (?, 'house', zeroblob(1536))", (window,)
        )
        assert conn.execute("SELECT count(*) FROM windows JOIN vectors USING (id)").fetchone()[0] == 1
    store.close()


def test_the_version_before_works_with_the_file_and_this_one_again(house: Room, second: Model) -> None:
    prepare(house, second)
    house.store.close()
    works_as_the_version_before(house.store.path, name_of(another.own()))
    again = service.furnish(settings.load())
    assert again.pending.count() == indexes_total(again)
    assert progress(again, second).done == 0
    learning.embed_all(again)
    assert finds(again)
    assert again.preparing.make_next()
    assert progress(again, second).state == "ready"
    again.store.close()
    once_more = service.furnish(settings.load())
    assert once_more.pending.count() == 0
    once_more.store.check()
    once_more.store.close()


def indexes_total(room: Room) -> int:
    with room.store.reading() as database:
        return indexes.total(database)
