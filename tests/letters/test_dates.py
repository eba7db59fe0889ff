"""When a mail was written."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from agent.letters import dates, headers

pytestmark = pytest.mark.rule("E33")

ARRIVED = 1_795_262_400.0  # 2026-11-21 12:00 UTC


def believed(value: str | None) -> float:
    head = "" if value is None else f"Date: {value}\r\n"
    return dates.believed(headers.parse(f"From: a@b.org\r\n{head}\r\nhi".encode()), ARRIVED)


@pytest.mark.parametrize("hours", [0, 1, 47])
def test_an_ordinary_date_is_believed(hours: int) -> None:
    assert believed(formatdate(ARRIVED - hours * 3600)) == ARRIVED - hours * 3600


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "yesterday",
        "Sat, 99 Nov 2026 99:99:99 +0000",
        "Sat, 21 Nov 99999999 11:00:00 +0000",
        formatdate(ARRIVED - 49 * 3600),
        formatdate(ARRIVED + 60),
        formatdate(ARRIVED + 400 * 86_400),
        f"{formatdate(ARRIVED)}\r\nDate: {formatdate(ARRIVED - 3600)}",
    ],
)
def test_an_absurd_date_counts_as_the_moment_of_arrival(value: str | None) -> None:
    assert believed(value) == ARRIVED


@pytest.mark.parametrize(
    ("value", "hour"),
    [
        ("Sat, 21 Nov 2026 06:00:00 EST", 11),
        ("21 Nov 26 06:00 EST", 11),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 11),
        ("Sat, 21 Nov 2026 11:00:00 UT", 11),
        ("Sat, 21 Nov 2026 11:00:00 Z", 11),
        ("Sat, 21 Nov 2026 04:00:00 -0700 (MST)", 11),
        ("Sat, 21 Nov 2026 11:00:00 -0000", 11),
        ("Saturday, 21-Nov-26 11:00:00 GMT", 11),
    ],
)
def test_zones_of_old_are_understood(value: str, hour: int) -> None:
    assert believed(value) == ARRIVED - (12 - hour) * 3600
