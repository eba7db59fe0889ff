from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.errors import RequestError, TooLargeError
from agent.recall import indexes, vectors
from agent.recall.choice import Choice
from agent.recall.pending import Pending
from agent.recall.service import Room
from tests.recall.learning import embed_all, teach

_BEST = 4  # passages that a question gets


def _is_answer(answer: str, text: str) -> bool:
    return answer in " ".join(text.split())


@pytest.mark.models
def test_questions_in_other_words_find_their_passage_among_forty(
    taught: Room, household: dict[str, Any]
) -> None:
    noise = "\n".join(
        f"# Note {number}\nOn day {number} nothing happened in the valley." for number in range(40)
    )
    taught.library.add("diary.md", "", noise.encode(), audience="house", source={})
    embed_all(taught)
    missed = []
    for question in household["questions"]:
        found = taught.search.find(question["text"], person="anna", limit=_BEST)
        if not any(_is_answer(question["answer"], passage.text) for passage in found):
            missed.append(question["text"])
    assert len(missed) <= len(household["questions"]) * 0.15, missed


@pytest.mark.models
def test_unrelated_questions_find_nothing(taught: Room, household: dict[str, Any]) -> None:
    for question in household["unrelated"]["questions"]:
        assert taught.search.find(question, person="anna", limit=_BEST) == [], question


@pytest.mark.models
def test_nobody_finds_what_is_another_persons(taught: Room, household: dict[str, Any]) -> None:
    taught.library.add("diary.txt", "", b"I owe the bank forty thousand crowns.", audience="bob", source={})
    taught.memory.keep("bob", "I am secretly learning to fly a glider.", message_id="b", at=1.0)
    embed_all(taught)
    for query in ("How much do I owe the bank?", "Who is learning to fly a glider?"):
        assert taught.search.find(query, person="bob", limit=5)[0].text.startswith("I ")
        for person in ("anna", "house", "bobby", ""):
            texts = [passage.text for passage in taught.search.find(query, person=person, limit=50)]
            assert not [text for text in texts if "forty thousand" in text or "glider" in text]
    for memory in household["memories"]:
        assert memory["text"] not in [
            passage.text for passage in taught.search.find(memory["text"], person="bob", limit=50)
        ]


@pytest.mark.models
def test_others_passages_do_not_crowd_out_ones_own(models: Path, room: Room) -> None:
    for number in range(120):
        room.memory.keep("bob", f"The piano tuner comes on day {number}.", message_id=str(number), at=1.0)
    room.memory.keep("anna", "The piano tuner comes on Friday.", message_id="a", at=1.0)
    embed_all(room)
    found = room.search.find("When does the piano tuner come?", person="anna", limit=5)
    assert [passage.text for passage in found] == ["The piano tuner comes on Friday."]


@pytest.mark.models
def test_words_alone_serve_until_the_model_arrives_and_then_all_is_embedded(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, household: dict[str, Any]
) -> None:
    from agent import settings
    from agent.recall import service

    shelf = tmp_path / "late-models"
    monkeypatch.setenv("NISSE_MODELS_FOLDER", str(shelf))
    room = service.furnish(settings.load())
    teach(room, household)
    waiting = room.pending.count()
    assert waiting > 30
    assert room.pending.embed_some() == 0
    paraphrase = "How do I get the kitchen trash collected?"
    assert _found(room, "Which firm installed the Vaillant boiler?", "Lindqvist")
    assert not _found(room, paraphrase, "dustbin lorry")

    shelf.mkdir()
    (shelf / "all-minilm-l6-v2").symlink_to(models / "all-minilm-l6-v2")
    embed_all(room)
    assert _found(room, paraphrase, "dustbin lorry")
    room.store.close()


def _found(room: Room, query: str, answer: str) -> bool:
    found = room.search.find(query, person="anna", limit=_BEST)
    return any(_is_answer(answer, passage.text) for passage in found)


@pytest.mark.models
def test_an_index_for_vectors_of_another_length_is_made_anew(taught: Room) -> None:
    with taught.store.transaction() as database:
        index = indexes.find(database, taught.choice.present().name)
        assert index
        assert indexes.measure_out(database, index, 16).dimensions == 16
        assert indexes.waiting(database, index) > 30
    embed_all(taught)
    assert _found(taught, "What's the wifi password?", "blue-herring-lantern")


@pytest.mark.models
def test_a_vector_that_comes_after_the_deletion_is_dropped(taught: Room) -> None:
    taught.memory.keep("anna", "Short-lived.", message_id="x", at=1.0)
    embedding = taught.choice.present()
    with taught.store.transaction() as database:
        index = indexes.find(database, embedding.name)
        assert index
        ((identity, texts),) = vectors.pending(database, index, 5)
    taught.memory.forget("anna")
    made = embedding.embed(texts)
    with taught.store.transaction() as database:
        vectors.put(database, index, {identity: made})
        assert vectors.cosines(database, index, made[0], [identity]) == {}


@pytest.mark.models
def test_a_broken_model_file_is_told_and_words_serve_on(models: Path, tmp_path: Path, room: Room) -> None:
    import dataclasses
    import hashlib
    import shutil

    from agent.models import catalogue
    from agent.models.shelf import Shelf

    model = catalogue.load().find("all-minilm-l6-v2")
    folder = tmp_path / "broken" / model.name
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"no model")
    shutil.copy(models / model.name / "tokenizer.json", folder)
    wrong = dataclasses.replace(model.files[0], size=8, sha256=hashlib.sha256(b"no model").hexdigest())
    broken = dataclasses.replace(model, files=(wrong, *model.files[1:]))
    choice = Choice(room.store, Shelf(tmp_path / "broken"), broken)
    assert Pending(room.store, choice).embed_some() == 0
    assert "does not load" in choice.present().problem


@pytest.mark.models
def test_vectors_are_removed_with_their_passages(taught: Room) -> None:
    for document in taught.library.listed("house"):
        taught.library.remove(document.id)
    taught.memory.forget("anna")
    with taught.store.reading() as database:
        for table in (
            "passages",
            "windows",
            "vectors_1",
            "vectors_1_vector_chunks00",
            "documents",
            "memories",
        ):
            assert database.conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0, table


def test_the_same_text_is_told_once_and_the_question_itself_never(wordy_room: Room) -> None:
    question = "Where is the samovar?"
    for number in range(3):
        wordy_room.memory.keep("anna", "The samovar is in the attic.", message_id=str(number), at=1.0)
    wordy_room.memory.keep("anna", question, message_id="q", at=1.0)
    wordy_room.library.add("attic.txt", "", b"The  samovar is in the attic.", audience="house", source={})
    found = wordy_room.search.find(question, person="anna", limit=10)
    assert len(found) == 1


def test_a_passage_tells_where_it_stands(wordy_room: Room) -> None:
    text = "# Attic\n\nThe samovar stands under the window.\n"
    wordy_room.library.add("house rules.md", "", text.encode(), audience="house", source={})
    (passage,) = wordy_room.search.find("samovar under the window", person="anna", limit=3)
    assert text[passage.start : passage.end] == passage.text
    assert (passage.document, passage.kind, passage.page) == ("house rules.md", "document", 0)
    assert passage.extra["context"] == "house rules > Attic"


def test_a_long_mail_is_searched_by_its_beginning(wordy_room: Room) -> None:
    wordy_room.memory.keep("anna", "The samovar is in the attic.", message_id="1", at=1.0)
    mail = "samovar in the attic? " * 400 + "Yours sincerely, and many other things besides. " * 10_000
    assert len(wordy_room.search.find(mail, person="anna", limit=3)) == 1


def test_a_question_is_limited(wordy_room: Room) -> None:
    with pytest.raises(TooLargeError):
        wordy_room.search.find("x" * 2_000_001, person="anna", limit=3)
    for query, limit in ((" ", 3), ("tea", 0), ("tea", 51)):
        with pytest.raises(RequestError):
            wordy_room.search.find(query, person="anna", limit=limit)
