"""Repositories on sticks are found, whatever else lies there."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.updates import sticks
from provisioning.updates.metadata import Metadata
from tests.release.publishing import Publisher


@pytest.mark.parametrize("place", ["STICK", "system/STICK", "system/STICK/nisse"])
def test_a_repository_is_found_and_believed(tmp_path: Path, place: str) -> None:
    publisher = Publisher(tmp_path / "media" / place)
    (found,) = sticks.repositories([tmp_path / "media", tmp_path / "nowhere"])
    assert Metadata(tmp_path / "box", publisher.root, lambda: [found]).refresh().releases == ()


def test_a_stick_with_a_library_on_it_costs_no_long_search(tmp_path: Path) -> None:
    for number in range(600):
        (tmp_path / "STICK" / f"book {number:03}" / "pages").mkdir(parents=True)
    (tmp_path / "STICK" / "zoo" / "metadata").mkdir(parents=True)
    (tmp_path / "STICK" / "zoo" / "metadata" / "timestamp.json").touch()
    assert sticks.repositories([tmp_path]) == ()


def test_a_link_leads_nowhere(tmp_path: Path) -> None:
    Publisher(tmp_path / "elsewhere")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "STICK").symlink_to(tmp_path / "elsewhere")
    assert sticks.repositories([tmp_path / "media"]) == ()


def test_without_a_stick_there_is_none(tmp_path: Path) -> None:
    assert sticks.repositories([tmp_path / "media"]) == ()
