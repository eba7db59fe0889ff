"""When a server counts as ill, for how long, and what makes it well."""

from __future__ import annotations

from agent.brain.remote.health import Health


def test_it_is_believed_to_be_well_until_something_fails() -> None:
    health = Health()
    before = health.well
    health.failed("It burns.", 100)
    assert (before, health.well, health.why, health.again_at) == (True, False, "It burns.", 105)


def test_the_pauses_grow_up_to_five_minutes_until_an_answer_is_whole() -> None:
    health, now, pauses = Health(), 0.0, []
    for _ in range(9):
        health.failed("It burns.", now)
        assert health.again_at is not None
        pauses.append(health.again_at - now)
        now = health.again_at
        health.looked_well()  # it says so; then a question fails again
        assert health.well
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    health.answered()
    assert (health.failures, health.why, health.answers) == (0, "", 1)
    health.failed("Again.", now)
    assert health.again_at == now + 5


def test_many_failures_at_once_are_one_illness() -> None:
    health = Health()
    for _ in range(16):
        health.failed("It burns.", 100)
    assert (health.failures, health.again_at) == (1, 105)


def test_the_server_may_ask_for_more_time_but_not_for_ever() -> None:
    health = Health()
    health.failed("Busy.", 0, pause=30)
    assert health.again_at == 30
    health.failed("Busy.", 40, pause=100_000)
    assert health.again_at == 340
