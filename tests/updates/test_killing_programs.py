"""A box that dies at any place of an update of Nisse itself runs a whole version afterwards, and brings the update to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.programs import installing
from tests.updates.killing_programs import Site, die_and_look, places


def test_a_death_at_any_place_leaves_a_whole_version_and_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "KEEP_FREE", 0)  # given back after the test
    site = Site(tmp_path)
    wrong = [trouble for point in places(site, quick=True) if (trouble := die_and_look(site, point))]
    assert wrong == []
