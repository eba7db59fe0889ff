"""How many mails are answered: judged from when earlier ones came."""

from __future__ import annotations

import pytest

from agent.conversation.limits import Excess, Limits, Recent, excess

NOW = 1_795_000_000.0
MOST = Limits()


def judged(**recent: float) -> Excess | None:
    return excess(Recent(**recent), MOST, NOW)


@pytest.mark.rule("E18")
def test_the_numbers_are_those_of_the_checklist() -> None:
    assert (MOST.sender_hour, MOST.sender_day, MOST.thread_run, MOST.house_hour) == (10, 40, 3, 60)


@pytest.mark.rule("E18")
@pytest.mark.parametrize(
    ("limit", "window"),
    [("sender_hour", 3600.0), ("sender_day", 86_400.0), ("thread", 600.0), ("house_hour", 3600.0)],
)
def test_a_limit_is_reached_until_the_mail_at_its_place_is_old_enough(limit: str, window: float) -> None:
    within = judged(**{limit: NOW - window + 1})
    assert within
    assert within.until == NOW + 1
    assert within.of_house == (limit == "house_hour")
    assert judged(**{limit: NOW - window}) is None
    assert judged(**{limit: 0.0}) is None


@pytest.mark.rule("E18")
def test_what_came_from_the_future_does_not_count() -> None:
    assert judged(sender_hour=NOW + 5) is None


@pytest.mark.rule("E18")
def test_a_halt_lasts_until_its_end() -> None:
    halted = judged(halted_until=NOW + 10)
    assert halted
    assert (halted.until, halted.of_house) == (NOW + 10, True)
    assert judged(halted_until=NOW) is None


@pytest.mark.rule("E18")
def test_of_several_the_one_that_lasts_longest_is_told() -> None:
    both = judged(sender_hour=NOW - 1, sender_day=NOW - 1)
    assert both
    assert "within a day" in both.why
