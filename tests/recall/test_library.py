from __future__ import annotations

import pytest

from agent.errors import NotFoundError, TooLargeError, UnreadableError
from agent.recall.service import Room

pytestmark = pytest.mark.usefixtures("room_without_models")

TEXT = b"The spare key of the greenhouse hangs behind the ladder."


def add(room: Room, data: bytes = TEXT, *, name: str = "keys.txt", audience: str = "house") -> str:
    document, _ = room.library.add(name, "text/plain", data, audience=audience, source={"from": "test"})
    return document.id


def test_the_same_bytes_for_the_same_audience_are_the_same_document(room: Room) -> None:
    first, already = room.library.add("keys.txt", "text/plain", TEXT, audience="house", source={})
    again, already_again = room.library.add("copy.txt", "text/plain", TEXT, audience="house", source={})
    assert (already, already_again) == (False, True)
    assert again == first
    assert add(room, audience="anna") != first.id


def test_a_list_shows_the_house_and_the_person_only(room: Room) -> None:
    house, annas, bobs = (add(room, audience=audience) for audience in ("house", "anna", "bob"))
    assert {document.id for document in room.library.listed("anna")} == {house, annas}
    assert bobs not in {document.id for document in room.library.listed("house")}


def test_a_document_that_cannot_be_read_leaves_nothing_behind(room: Room) -> None:
    with pytest.raises(UnreadableError):
        add(room, b"\0\1\2\3" * 100)
    assert room.library.listed("house") == []


def test_too_many_passages_are_refused_as_a_whole(room: Room) -> None:
    with pytest.raises(TooLargeError, match="passages"):
        add(room, b"# One\ntext\n" * 5_001, name="many.md")
    assert room.library.listed("house") == []


def test_what_is_not_there_cannot_be_removed(room: Room) -> None:
    with pytest.raises(NotFoundError):
        room.library.remove("unknown")


def test_one_person_cannot_remove_another_ones_document(room: Room) -> None:
    bobs = add(room, audience="bob")
    with pytest.raises(NotFoundError):
        room.library.remove(bobs, person="anna")
    room.library.remove(bobs, person="bob")


def test_a_removed_document_is_gone_from_the_file_itself(room: Room) -> None:
    kept = add(room, b"The compost is turned in spring.", name="compost.txt")
    identity = add(room, TEXT * 50)
    room.library.remove(identity)
    assert [document.id for document in room.library.listed("house")] == [kept]
    for file in room.store.path.parent.glob("recall.db*"):
        assert b"greenhouse" not in file.read_bytes()
        assert b"greenhous" not in file.read_bytes()  # as the index of words has it
    room.store.check()


def test_memories_of_one_person_are_forgotten_from_the_file_itself(room: Room) -> None:
    for person in ("anna", "bob"):
        room.memory.keep(person, f"I, {person}, adore marzipan.", message_id="m1", at=1.0)
    assert room.memory.forget("anna") == 1
    assert room.memory.forget("anna") == 0
    everything = b"".join(file.read_bytes() for file in room.store.path.parent.glob("recall.db*"))
    assert b"anna" not in everything
    assert b"bob" in everything
