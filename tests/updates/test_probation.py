"""Probation: what counts for a set that serves, and what against it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from provisioning.updates import probation
from provisioning.updates.probation import Seen
from provisioning.updates.states import Watch

SEEN = Seen(
    model="new", wanted="new", loading=False, elsewhere=False, answered=10, process="a", crashes={"new": 1}
)


def _seen(**more: Any) -> Seen:
    return dataclasses.replace(SEEN, **more)


def test_answers_are_counted_over_restarts_of_the_brain() -> None:
    watch = probation.begun(SEEN, "new", 100.0)
    watch = probation.looked(watch, _seen(answered=14), "new", 5)
    watch = probation.looked(watch, _seen(answered=3, process="b"), "new", 5)
    assert (watch.answered, watch.served) == (7, 10)
    assert not probation.proven(watch)
    assert probation.proven(probation.looked(watch, _seen(answered=16, process="b"), "new", 5))


def test_what_another_model_answers_does_not_count() -> None:
    watch = probation.begun(SEEN, "new", 100.0)
    watch = probation.looked(watch, _seen(answered=40, model="old"), "new", 5)
    assert (watch.answered, watch.served) == (0, 0)
    assert probation.looked(watch, _seen(answered=41), "new", 5).answered == 1


def test_a_day_of_service_proves_it_too() -> None:
    assert not probation.proven(Watch(served=86_399))
    assert probation.proven(Watch(served=86_400))


def test_crashes_before_the_switch_are_none_of_its_own() -> None:
    watch = probation.begun(SEEN, "new", 0.0)
    assert probation.against(watch, _seen(crashes={"new": 2}), "new", 0) == ""
    assert probation.against(watch, _seen(crashes={"new": 3}), "new", 0) == "unstable"
    # After a new start of the machine the brain counts from nothing.
    watch = probation.looked(watch, _seen(crashes={}), "new", 1)
    assert probation.against(watch, _seen(crashes={"new": 2}), "new", 0) == "unstable"


@pytest.mark.parametrize(
    ("watch", "absent", "reason"),
    [
        (Watch(), 0.0, ""),
        (Watch(), probation.SERVES_WITHIN_S, ""),
        (Watch(), probation.SERVES_WITHIN_S + 1, "not_serving"),
        (Watch(failures=1), 0.0, ""),
        (Watch(failures=2), 0.0, "wrong_answer"),
        (Watch(complaints=2), 0.0, ""),
        (Watch(complaints=3), 0.0, "complaints"),
        (Watch(crashes=2), 0.0, "unstable"),
    ],
)
def test_what_is_against_it(watch: Watch, absent: float, reason: str) -> None:
    assert probation.against(watch, None, "new", absent) == reason


def test_a_server_of_the_owners_may_answer_meanwhile() -> None:
    assert probation.serves(_seen(model="gpt", elsewhere=True), "new")
    assert not probation.serves(_seen(model="gpt"), "new")


def test_what_the_brain_says_is_understood_also_while_it_has_no_model() -> None:
    seen = Seen.read({"model": None, "wanted": None, "set": 0})
    assert (seen.model, seen.wanted, seen.answered) == ("", "", 0)
