"""How fast this box is, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from agent.brain.llama.pace import Pace


@dataclass
class _Working:
    left: int = 1
    written: int = 0
    longest: int = 1000


def _learned(reading: float, step: float = 0.1) -> Pace:
    pace = Pace()
    for _ in range(60):
        pace.learn(read=0, written=1, seconds=step)
        pace.learn(read=int(reading), written=0, seconds=1.0)
    return pace


def test_it_learns_how_fast_the_box_reads_and_writes() -> None:
    pace = _learned(200, step=0.05)
    assert pace.reading == pytest.approx(200, rel=0.01)
    assert pace.step == pytest.approx(0.05, rel=0.01)


def test_a_long_prompt_is_read_in_equal_bites() -> None:
    pace = _learned(400)
    assert pace.bite(1000, most=512, alone=True) == 500
    assert pace.bite(500, most=512, alone=True) == 500
    assert pace.bite(3, most=512, alone=True) == 3


def test_beside_answers_that_grow_the_bites_are_small() -> None:
    pace = _learned(200)
    assert pace.bite(1000, most=512, alone=False) <= 100
    assert _learned(16).bite(1000, most=512, alone=False) == 16


def test_who_finds_the_box_idle_waits_for_the_reading_only() -> None:
    assert _learned(100).wait(200, [], [], 4) == pytest.approx(2.0, rel=0.02)


def test_who_comes_when_all_places_are_taken_waits_for_the_first_to_end() -> None:
    pace = _learned(100, step=0.1)
    pace.answer = 100.0
    working = [_Working(written=90), _Working(written=10)]
    assert pace.wait(0, working, [], 3) == pytest.approx(0.0)
    assert pace.wait(0, working, [], 2) == pytest.approx(2.25, rel=0.1)  # at least a quarter more than it has
    waiting = [_Working(left=100)] * 2
    assert (
        pace.wait(0, working, waiting, 2)
        > pace.wait(0, working, waiting[:1], 2)
        > pace.wait(0, working, [], 2)
    )


def test_an_answer_cannot_grow_beyond_its_longest() -> None:
    pace = _learned(100, step=0.1)
    assert pace.wait(0, [_Working(written=15, longest=20)], [], 1) == pytest.approx(0.5, rel=0.02)
