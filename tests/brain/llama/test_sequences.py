"""What the model has read, and who is forgotten first."""

from __future__ import annotations

import numpy as np

from agent.brain.llama.sequences import Sequence, Sequences, Tokens, shared


def _tokens(*values: int) -> Tokens:
    return np.array(values, dtype=np.int32)


def _hold(sequence: Sequence, *values: int, used: float = 0.0, busy: bool = False) -> Sequence:
    sequence.tokens, sequence.length = _tokens(*values), len(values)
    sequence.used, sequence.busy = used, busy
    return sequence


def test_the_common_beginning_of_two_lists() -> None:
    assert shared(_tokens(1, 2, 3), _tokens(1, 2, 4)) == 2
    assert shared(_tokens(1, 2), _tokens(1, 2, 3)) == 2
    assert shared(_tokens(), _tokens(1)) == 0
    assert shared(_tokens(5), _tokens(1)) == 0


def test_the_longest_known_beginning_is_found_and_of_equals_the_latest() -> None:
    places = Sequences(4)
    _hold(places.all[0], 1, 2, used=9.0)
    _hold(places.all[1], 1, 2, 3, used=1.0)
    _hold(places.all[2], 1, 2, 3, 7, used=2.0)
    assert places.best(_tokens(1, 2, 3, 4)) == (places.all[2], 3)
    assert places.best(_tokens(8)) == (None, 0)


def test_what_is_not_computed_yet_is_not_known() -> None:
    places = Sequences(1)
    _hold(places.all[0], 1, 2, 3).length = 1
    assert places.best(_tokens(1, 2, 3)) == (places.all[0], 1)


def test_who_was_not_used_for_the_longest_time_is_forgotten_first() -> None:
    places = Sequences(3)
    assert places.oldest() is None
    old = _hold(places.all[0], 1, used=1.0)
    _hold(places.all[1], 2, used=0.0, busy=True)
    new = _hold(places.all[2], 3, used=2.0)
    assert places.oldest() is old
    assert places.oldest(spare=old) is new
    assert places.free() is None


def test_a_place_is_free_that_holds_nothing_and_is_not_at_work() -> None:
    places = Sequences(2)
    places.all[0].busy = True
    assert places.free() is places.all[1]
