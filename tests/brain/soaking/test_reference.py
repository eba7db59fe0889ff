"""When an answer counts as right although it is not the fresh process's own."""

from __future__ import annotations

import pytest

from tests.brain.soaking.reference import Expected, Step

FRESH = Expected(
    "The red house",
    (
        Step(b"The", ((b"A", 2.0),)),
        Step(b" red", ((b" old", 0.3), (b" r", 3.0))),
        Step(b" house", ((b" hous", 0.4), (b" h", 5.0), (b" barn", 1.7))),
    ),
)
SURE = Expected("1, 2", (Step(b"1", ((b"2", 4.0),)), Step(b", 2", ((b", 3", 1.2),))))


@pytest.mark.parametrize(
    ("other", "right"),
    [
        ("The red house", True),
        ("The old barn is", True),  # parts at a near tie
        ("The red housing", True),  # a shorter token in the place of a longer one
        ("A house", False),  # no near tie
        ("The red barn", False),
        ("The red ", False),  # broke off
        ("The blue house", False),  # never a candidate
        ("Something else", False),
        ("", False),
    ],
)
def test_an_answer_may_part_only_at_a_near_tie(other: str, right: bool) -> None:
    assert FRESH.accepts(other) is right


def test_a_sure_answer_must_come_to_the_letter() -> None:
    assert SURE.sure
    assert not FRESH.sure
    assert SURE.accepts("1, 2")
    assert not SURE.accepts("1, 3")
