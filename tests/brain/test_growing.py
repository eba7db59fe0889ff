"""The growing text: whole characters only, never a stop string, and nothing lost between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from agent.brain.growing import GrowingText


def _grown(data: bytes, stop: list[str], cuts: list[int]) -> str:
    growing, shown, start = GrowingText(stop), "", 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        shown += growing.push(data[start:cut])
        start = cut
    return shown + growing.push(b"", last=True)


@given(
    some.text(alphabet="abé🦉\n", max_size=40),
    some.lists(some.text(alphabet="abé", min_size=1, max_size=4), max_size=3),
    some.lists(some.integers(0, 200), max_size=12),
)
def test_however_it_arrives_the_answer_ends_before_the_first_stop_string(
    text: str, stop: list[str], cuts: list[int]
) -> None:
    shown = _grown(text.encode(), stop, cuts)
    assert text.startswith(shown)
    assert not any(word in shown for word in stop)
    if not any(word in text for word in stop):
        assert shown == text


def test_a_character_in_two_tokens_is_shown_when_it_is_whole() -> None:
    growing = GrowingText()
    owl = "🦉".encode()
    assert growing.push(owl[:2]) == ""
    assert growing.push(owl[2:]) == "🦉"


def test_what_may_begin_a_stop_string_is_held_back_until_it_is_clear() -> None:
    growing = GrowingText(["END"])
    assert growing.push(b"The E") == "The "
    assert growing.push(b"N") == ""
    assert growing.push(b"emy") == "ENemy"
    assert not growing.stopped


def test_after_a_stop_string_nothing_follows() -> None:
    growing = GrowingText(["."])
    assert growing.push(b"One. Two.") == "One"
    assert growing.stopped
    assert growing.push(b"Three", last=True) == ""


def test_half_a_character_at_the_end_does_not_break_the_answer() -> None:
    growing = GrowingText()
    assert growing.push(b"ab\xf0\x9f") == "ab"
    assert growing.push(b"", last=True) == "\N{REPLACEMENT CHARACTER}"
