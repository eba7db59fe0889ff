"""When an update may use the line."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.errors import SettingsError, UnavailableError
from provisioning.updates.pausing import is_metered, read_hours, why_not_now


def at(hour: int, minute: int = 0) -> datetime:
    """A time of some day."""
    return datetime(2026, 11, 21, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("18:00-23:30", [(18, 0), (23, 29)], [(17, 59), (23, 30), (2, 0)]),
        ("22:00 - 06:00", [(22, 0), (0, 0), (5, 59)], [(6, 0), (12, 0), (21, 59)]),
        ("8:00-8:00", [], [(8, 0), (20, 0)]),
    ],
)
def test_the_hours_may_go_over_midnight(
    hours: str, inside: list[tuple[int, int]], outside: list[tuple[int, int]]
) -> None:
    quiet = read_hours(hours)
    assert quiet
    assert all(quiet.include(at(*time)) for time in inside)
    assert not any(quiet.include(at(*time)) for time in outside)


@pytest.mark.parametrize("wrong", ["18-23", "24:00-25:00", "always", "18:00", "18:00-19:60"])
def test_hours_that_are_none_are_refused_with_an_example(wrong: str) -> None:
    with pytest.raises(SettingsError, match="18:00-23:30"):
        read_hours(wrong)


def test_no_hours_are_kept_free_by_default() -> None:
    assert read_hours("  ") is None
    assert why_not_now(at(20), None, metered=False) == ""


def test_the_sentence_says_when_it_goes_on() -> None:
    assert "until" not in why_not_now(at(20), read_hours("18:00-23:30"), metered=False)
    assert "23:30" in why_not_now(at(20), read_hours("18:00-23:30"), metered=False)
    assert "metered" in why_not_now(at(20), None, metered=True)


@pytest.mark.parametrize(
    ("told", "metered"),
    [
        ("100 (connected)\nyes\n\n10 (unmanaged)\nunknown\n", True),
        ("100 (connected)\nyes (guessed)\n", True),
        ("100 (connected)\nno (guessed)\n\n30 (disconnected)\nyes\n", False),
        ("100 (connected)\nunknown\n", False),
        ("", False),
    ],
)
def test_networkmanager_is_believed_about_lines_that_are_connected(told: str, metered: bool) -> None:
    assert is_metered(lambda *_words, **_more: told) is metered


def test_without_networkmanager_no_line_is_metered() -> None:
    def missing(*_words: str, **_more: object) -> str:
        raise UnavailableError("nmcli did not run.")

    assert not is_metered(missing)
