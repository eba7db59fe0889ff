from __future__ import annotations

import pytest

from agent.errors import RequestError
from agent.recall.service import Room

pytestmark = pytest.mark.usefixtures("room_without_models")


def test_the_same_message_is_remembered_once(room: Room) -> None:
    first = room.memory.keep("anna", "I like pears.", message_id="m1", at=1.0)
    again = room.memory.keep("anna", "I like pears.", message_id="m1", at=2.0)
    assert first[0] == again[0]
    assert (first[1], again[1]) == (False, True)
    assert room.pending.count() == 1


def test_two_people_may_remember_the_same_message(room: Room) -> None:
    annas, _ = room.memory.keep("anna", "I like pears.", message_id="m1", at=1.0)
    bobs, already = room.memory.keep("bob", "I like pears.", message_id="m1", at=1.0)
    assert annas != bobs
    assert not already


def test_the_house_has_no_memories(room: Room) -> None:
    with pytest.raises(RequestError):
        room.memory.keep("house", "We like pears.", message_id="m1", at=1.0)


def test_a_memory_bears_the_date_it_was_said(room: Room) -> None:
    room.memory.keep("anna", "My favourite fruit is the quince.", message_id="m1", at=1_700_000_000.0)
    (passage,) = room.search.find("quince fruit favourite", person="anna", limit=3)
    assert passage.kind == "memory"
    assert "2023-11-1" in passage.document
