"""A mirror that feeds crumbs is too slow, however often it sends one."""

from __future__ import annotations

from provisioning.updates.pace import Pace, Patience


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_crumbs_are_too_slow_and_a_slow_line_is_not() -> None:
    for rate, verdict in ((100, True), (7_900, True), (8_100, False), (1_000_000, False)):
        clock = Clock()
        pace = Pace(Patience(), clock)
        for _ in range(400):
            clock.now += 1.0
            pace.add(rate)
        assert pace.too_slow() is verdict


def test_nobody_is_too_slow_before_the_window_is_over() -> None:
    clock = Clock()
    pace = Pace(Patience(), clock)
    clock.now = 299.0
    assert not pace.too_slow()
    clock.now = 301.0
    assert pace.too_slow()


def test_what_came_long_ago_does_not_count() -> None:
    clock = Clock()
    pace = Pace(Patience(), clock)
    pace.add(1 << 30)
    clock.now = 290.0
    assert not pace.too_slow()
    clock.now = 302.0
    assert pace.too_slow()
