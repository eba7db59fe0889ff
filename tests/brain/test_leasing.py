"""Nothing is taken away under anybody's hands."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from agent.brain.leasing import Leases
from agent.errors import ModelError
from tests.live.running import until


def _nothing() -> ModelError:
    return ModelError("Nothing yet.", retry_after=5)


def _held(thing: str = "old") -> Leases[str]:
    leases: Leases[str] = Leases()
    leases.put(thing)
    return leases


def test_without_anything_there_is_an_error_at_once() -> None:
    begun = time.monotonic()
    with pytest.raises(ModelError, match="Nothing yet"), Leases[str]().lease(30, _nothing):
        pass
    assert time.monotonic() - begun < 10


def test_many_use_it_at_once_and_it_is_idle_when_all_have_ended() -> None:
    leases = _held()
    with ExitStack() as held:
        assert [held.enter_context(leases.lease(0, _nothing)) for _ in range(3)] == ["old"] * 3
        assert not leases.idle
        assert not leases.change_if_idle()
    assert leases.idle


def test_a_change_waits_for_those_who_use_it_and_the_next_wait_for_the_change() -> None:
    leases, seen = _held(), []
    user = leases.lease(0, _nothing)
    user.__enter__()

    def change() -> None:
        seen.append(leases.take_away(30))
        leases.put("new")

    def come() -> None:
        with leases.lease(30, _nothing) as thing:
            seen.append(thing)

    changing = threading.Thread(target=change)
    changing.start()
    until(lambda: leases._changing, 10, "the change")
    coming = [threading.Thread(target=come) for _ in range(3)]
    for each in coming:
        each.start()
    until(lambda: leases._waiting == 3, 10, "those who wait")
    assert seen == []
    user.__exit__(None, None, None)
    for each in (changing, *coming):
        each.join(30)
    assert seen == ["old", "new", "new", "new"]


def test_who_does_not_end_is_not_waited_for_for_ever_and_ends_harmlessly_later() -> None:
    leases = _held()
    with leases.lease(0, _nothing):
        assert leases.take_away(0.05) == "old"
        leases.put("new")
        with leases.lease(0, _nothing) as thing:
            assert thing == "new"
            assert not leases.idle
    assert leases.idle


def test_a_change_that_takes_too_long_is_an_error_for_those_who_wait() -> None:
    leases = _held()
    leases.take_away(0)
    with pytest.raises(ModelError), leases.lease(0.05, _nothing):
        pass
    leases.put("new")
    with leases.lease(0, _nothing) as thing:
        assert thing == "new"


def test_not_everybody_may_wait() -> None:
    leases = _held()
    leases.take_away(0)
    waiting = [threading.Thread(target=_come, args=(leases,)) for _ in range(16)]
    for each in waiting:
        each.start()
    until(lambda: leases._waiting == 16, 10, "those who wait")
    with pytest.raises(ModelError), leases.lease(300, _nothing):
        pass
    leases.put("new")
    for each in waiting:
        each.join(30)
    assert leases.idle


def _come(leases: Leases[str]) -> None:
    with leases.lease(300, _nothing):
        pass
