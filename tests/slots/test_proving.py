"""After a start: a slot is marked good once the house is well, and a house that is not well is started again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from provisioning.slots import proving
from provisioning.slots.counters import Counters, fresh
from provisioning.slots.health import Finding
from provisioning.slots.proving import Start, prove, this_start

pytestmark = pytest.mark.skipif(
    not shutil.which("grub-editenv"), reason="needs grub-editenv; `make test-image` installs it"
)

WELL = Finding(about="portal", is_well=True, words="answers")
ILL = Finding(about="portal", is_well=False, words="is silent")


class Box:
    """GRUB's counters, a clock of the test's own, and what the questions come to."""

    def __init__(self, folder: Path) -> None:
        (folder / "grubenv").write_bytes(fresh())
        self.counters = Counters(folder)
        self.now = 0.0
        self.asked: list[bool] = []
        self.restarts = 0
        self.answers: Iterator[Sequence[Finding]] = iter(())

    def prove(self, start: Start, *answers: Sequence[Finding]) -> bool:
        """Proves a start; the last answer is given again and again."""

        def look(is_trial: bool) -> Sequence[Finding]:
            self.asked.append(is_trial)
            return answers[min(len(self.asked) - 1, len(answers) - 1)]

        return prove(
            start, self.counters, look=look, restart=self._restart, rest=self._rest, ticks=lambda: self.now
        )

    def _restart(self) -> None:
        self.restarts += 1

    def _rest(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    monkeypatch.setattr(proving, "mark_for_rauc", lambda: True)
    return Box(tmp_path)


@pytest.mark.parametrize(
    ("line", "slot", "is_recovery"),
    [
        ("root=PARTLABEL=root_a ro rauc.slot=A panic=10 nisse.mode=normal", "A", False),
        ("rauc.slot=B nisse.mode=recovery console=ttyS0", "B", True),
        ("quiet rauc.slot=C", "", False),
        ("not.rauc.slot=A", "", False),
    ],
)
def test_the_kernels_command_line_says_what_was_started(line: str, slot: str, is_recovery: bool) -> None:
    assert this_start(line) == Start(slot=slot, is_recovery=is_recovery)


def test_a_proven_slot_needs_its_portal_only(box: Box) -> None:
    box.counters.change({"A_TRY": "2", "RECOVERY_TRY": "1"})
    assert box.prove(Start(slot="A", is_recovery=False), [ILL], [WELL])
    assert box.asked == [False, False]
    values = box.counters.values()
    assert (values["A_TRY"], values["RECOVERY_TRY"], values["LAST_GOOD"]) == ("0", "0", "A")


def test_a_slot_on_trial_must_be_well_twice(box: Box) -> None:
    box.counters.change({"B_OK": "1", "B_TRY": "1"})
    assert box.prove(Start(slot="B", is_recovery=False), [WELL], [ILL], [WELL])
    assert box.asked == [True] * 4
    assert box.now > proving._STEADY_S
    values = box.counters.values()
    assert (values["B_TRY"], values["LAST_GOOD"]) == ("0", "B")


def test_a_house_that_does_not_get_well_is_started_again_and_the_try_counts(box: Box) -> None:
    box.counters.change({"B_OK": "1", "B_TRY": "1"})
    assert not box.prove(Start(slot="B", is_recovery=False), [WELL, ILL])
    assert box.restarts == 1
    assert box.now >= proving._LONGEST_S
    values = box.counters.values()
    assert (values["B_TRY"], values["LAST_GOOD"]) == ("1", "A")


def test_the_recovery_page_gives_both_slots_their_tries_back_and_marks_none(box: Box) -> None:
    box.counters.change({"A_TRY": "3", "B_TRY": "3", "B_OK": "1", "RECOVERY_TRY": "1"})
    assert box.prove(Start(slot="A", is_recovery=True), [WELL])
    values = box.counters.values()
    assert (values["A_TRY"], values["B_TRY"], values["RECOVERY_TRY"]) == ("0", "0", "0")
    assert values["LAST_GOOD"] == "A"


def test_a_good_start_is_marked_without_rauc_as_well(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "mark_for_rauc", lambda: False)
    box.counters.change({"A_TRY": "1"})
    assert box.prove(Start(slot="A", is_recovery=False), [WELL])
    assert box.counters.values()["A_TRY"] == "0"


def test_a_box_that_is_well_already_writes_nothing(box: Box) -> None:
    box.counters.keep_copy()
    block = box.counters._block
    before = block.stat().st_mtime_ns
    assert box.prove(Start(slot="A", is_recovery=False), [WELL])
    assert block.stat().st_mtime_ns == before
