"""The earliest time that it can be."""

from __future__ import annotations

import os

from provisioning.box.places import Places
from provisioning.firstboot import clock

BUILT = 1_700_000_000


def note(places: Places, at: float) -> None:
    file = places.shared / "systemd/timesync/clock"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")
    os.utime(file, (at, at))


def raised(places: Places, now: float) -> list[float]:
    set_to: list[float] = []
    clock.raise_to_floor(places, now, set_to.append)
    return set_to


def test_a_clock_in_1970_is_set_to_the_images_date(places: Places) -> None:
    assert raised(places, 12) == [BUILT]


def test_the_last_time_that_the_box_lived_counts_more(places: Places) -> None:
    note(places, BUILT + 1000)
    assert raised(places, 12) == [BUILT + 1000]


def test_a_clock_that_is_right_is_left_alone(places: Places) -> None:
    assert raised(places, BUILT + 5000) == []


def test_nonsense_does_not_count(places: Places) -> None:
    note(places, 9_000_000_000)
    places.image.write_text("epoch = 'soon'\n")
    assert clock.floor(places) == 0
