"""Guessing gets slower, without locking out who does not guess."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from webui.throttle import Throttle


def throttle(*, longest_in_all: float = 3600) -> Throttle:
    return Throttle(free=5, free_in_all=5, pause=60, longest=3600, longest_in_all=longest_in_all)


def test_the_pause_doubles_up_to_the_longest() -> None:
    each, now, waits = throttle(), 0.0, []
    for _ in range(14):
        each.failed("192.0.2.1", now)
        waits.append(each.wait("192.0.2.1", now))
        now += waits[-1]
    assert waits[:9] == [0, 0, 0, 0, 60, 120, 240, 480, 960]
    assert waits[-1] == 3600


def test_guessing_from_many_addresses_makes_all_wait_that_guessed_wrong() -> None:
    each = throttle()
    for number in range(5):
        each.failed(f"192.0.2.{number}", 0)
    assert each.wait("192.0.2.1", 0) == 60


def test_others_hold_nobody_up_longer_than_the_pause_of_all_may_last() -> None:
    each = throttle(longest_in_all=5)
    each.failed("192.0.2.1", 0)
    for second in range(5):
        for number in range(50):
            each.failed(f"198.51.100.{number}", second)
        assert each.wait("192.0.2.1", second) == 5 - second
    assert each.wait("192.0.2.1", 5) == 0
    assert each.wait("198.51.100.1", 5) > 50


def test_who_never_guessed_wrong_is_spared() -> None:
    each = throttle()
    for number in range(200):
        each.failed(f"192.0.2.{number}", 0)
    assert each.wait("198.51.100.1", 0) == 0
    assert each.wait("192.0.2.1", 0) == 3600


def test_a_network_of_ipv6_counts_as_one() -> None:
    each = throttle()
    for number in range(5):
        each.failed(f"2001:db8::{number:x}", 0)
    assert each.wait("2001:db8::ffff", 0) == 60
    assert each.wait("2001:db8:0:1::1", 0) == 0


def test_a_day_later_all_is_forgotten() -> None:
    each = throttle()
    for _ in range(9):
        each.failed("192.0.2.1", 0)
    each.failed("192.0.2.1", 25 * 3600)
    assert each.wait("192.0.2.1", 25 * 3600) == 0


@given(st.lists(st.integers(0, 50_000), max_size=300))
def test_a_flood_of_addresses_fills_no_memory_and_no_pause_exceeds_the_longest(numbers: list[int]) -> None:
    each = throttle()
    for number in numbers:
        each.failed(f"10.{number >> 8 & 255}.{number & 255}.1", 0)
        assert each.wait("192.0.2.1", 0) <= 3600
    for number in range(5000):
        each._by_address.setdefault(f"{number}", type(each._all)())
    each.failed("192.0.2.1", 0)
    assert len(each._by_address) <= 4096
