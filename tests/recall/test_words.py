from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.recall import words
from agent.recall.service import Room

pytestmark = pytest.mark.usefixtures("room_without_models")


def test_words_that_say_nothing_do_not_count() -> None:
    assert words.terms("What is the password of our Wi-Fi, please?") == ["password", "wi", "fi"]
    assert words.terms("Wer hat die Wohnung?") == ["wohnung"]


def test_each_word_counts_once_and_only_so_many() -> None:
    assert words.terms("boiler Boiler BOILER") == ["boiler"]
    assert len(words.terms(" ".join(f"word{number}" for number in range(100)))) == words.MOST_TERMS


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(min_size=1, max_size=60)
    | st.sampled_from(['"', "NEAR(a b)", "a AND", "text:x", "-x", "a*", "^x", "(", "'"])
)
def test_no_question_breaks_the_index(room: Room, query: str) -> None:
    with room.store.reading() as database:
        words.best(database, words.terms(query), ("house",), 5)
        words.best(database, [query.replace("\0", "") or "x"], ("house",), 5)


def test_the_share_of_a_question_counts_rare_words_for_more(room: Room) -> None:
    for number in range(20):
        room.memory.keep("anna", f"The old house, note {number}.", message_id=f"m{number}", at=1.0)
    room.memory.keep("anna", "The old samovar.", message_id="rare", at=1.0)
    with room.store.reading() as database:
        found = words.best(database, ["samovar", "house"], ("anna",), 50)
        share = words.coverage(database, ["samovar", "house"], found)
    assert found[0] == 21
    assert share[21] > 0.5 > share[1]
