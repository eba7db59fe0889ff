"""Models and Nisse itself never change at the same time, and neither waits for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.updates.lane import Lane
from provisioning.updates.pausing import PausedError
from tests.release.publishing import Publisher
from tests.updates.updating import a_house, offered, publish_model


def test_one_uses_the_line_at_a_time() -> None:
    lane = Lane()
    with lane.for_model(), pytest.raises(PausedError, match="A model is being updated"), lane.for_program():
        pass
    with (
        lane.for_program(),
        pytest.raises(PausedError, match="Nisse itself is being fetched"),
        lane.for_model(),
    ):
        pass
    with lane.for_model():
        pass


def test_what_is_on_trial_keeps_the_other_waiting() -> None:
    lane = Lane()
    lane.model_on_trial = lambda: "A new model is being tried."
    with lane.for_program():
        pass
    with pytest.raises(PausedError, match="new model"), lane.for_program(hand_over=True):
        pass
    lane.program_on_trial = lambda: "Nisse itself is being updated."
    with pytest.raises(PausedError, match="Nisse itself"), lane.for_model():
        pass


def test_a_model_waits_for_the_trial_of_nisse_and_then_goes_on(tmp_path: Path) -> None:
    publisher = Publisher(tmp_path / "repository")
    house = a_house(tmp_path, publisher)
    seq = publish_model(tmp_path, publisher)
    offered(house)
    lane = house.machine.parts.lane
    lane.program_on_trial = lambda: "Nisse itself is being updated just now."
    house.owner.install(seq)
    for _ in range(5):
        house.step()
    assert str(house.machine.record.state) == "reserved"
    assert "Nisse itself" in house.machine.trouble.sentence
    lane.program_on_trial = lambda: ""
    house.until("trial")
    assert lane.model_on_trial() == "A new model is being tried; wait until it has."
    house.until("probation")
    house.step()
    assert lane.model_on_trial()
