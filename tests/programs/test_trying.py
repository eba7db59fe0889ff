"""The trial: who is well twice is kept, whoever is not in time is put back, and a power cut in between does no harm."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agent.errors import UnavailableError
from provisioning.box.places import Places
from provisioning.programs import house, starting
from provisioning.programs.choosing import Start
from provisioning.programs.house import House, Service
from provisioning.programs.state import Book, Candidate, Probation, Program, State
from provisioning.programs.trying import LIMIT_S, LONGEST_LIMIT_S, STEADY_S, Trial
from provisioning.slots.health import Finding
from tests.fakes.programs import Programs

from .conftest import BASE, NOW

Lay = Callable[[str], Program]
WELL = Finding(about="portal", is_well=True, words="answers")
ILL = Finding(about="portal", is_well=False, words="is silent")


class FakeHouse:
    """A house whose starts choose for real, and that is well when the test says so."""

    def __init__(self, places: Places, well_from: float | None, *, usual: float = 5.0) -> None:
        self.places, self.well_from, self.usual = places, well_from, usual
        self.clock, self.started, self.starts = 1000.0, 0.0, 0
        self.asked: list[str] = []
        self.ill_at: set[int] = set()  # numbers of looks
        self.crashes: set[int] = set()  # numbers of looks before which it breaks down
        self.can_choose = True

    def start(self, why: Start | None = None) -> None:
        self.starts += 1
        self.started = self.clock
        if self.can_choose:
            starting.choose(self.places, BASE, lambda: why or Start(), lambda: NOW)

    def restart(self) -> None:
        self.start()

    def service(self) -> Service:
        return Service(
            is_active=True, is_again=False, result="success", started=100.0, ready=100.0 + self.usual
        )

    def look(self, version: str, seconds: float) -> Sequence[Finding]:
        self.asked.append(version)
        assert seconds > 0
        if len(self.asked) in self.crashes:
            self.start(Start(failed=True))
        is_well = self.well_from is not None and self.clock - self.started >= self.well_from
        return [WELL if is_well and len(self.asked) not in self.ill_at else ILL]

    def trial(self) -> Trial:
        return Trial(self.places, BASE, self, rest=self.rest, ticks=lambda: self.clock, now=lambda: NOW)

    def rest(self, seconds: float) -> None:
        self.clock += seconds


@pytest.fixture
def tried(places: Places, book: Book, lay: Lay) -> Program:
    """A candidate beside what runs."""
    new = lay("0.5.2")
    book.write(State(current=lay("0.5.1"), candidate=Candidate(program=new, since=NOW)))
    return new


def test_one_that_is_well_twice_is_kept(places: Places, book: Book, tried: Program) -> None:
    box = FakeHouse(places, well_from=10)
    begin = box.clock
    box.trial()._try(_candidate(book))
    state = book.read()
    assert state.current == tried
    assert state.probation == Probation()
    assert state.last
    assert state.last.result == "committed"
    assert box.clock - begin >= 10 + STEADY_S
    assert box.starts == 1
    assert set(box.asked) == {"0.5.2"}


def test_one_that_is_never_well_is_put_back_in_time(places: Places, book: Book, tried: Program) -> None:
    box = FakeHouse(places, well_from=None)
    begin = box.clock
    box.trial().run()
    state = book.read()
    assert state.current
    assert state.current.version == "0.5.1"
    assert state.refused[0].reason == "not_well"
    assert box.clock - begin <= LIMIT_S + 5
    assert starting.runs(places) == state.current.sha256, "and the house runs with the one before"
    assert not book.file(tried).exists()


def test_one_that_falters_begins_again_to_be_found_well(places: Places, book: Book, tried: Program) -> None:
    box = FakeHouse(places, well_from=5)
    box.ill_at = {4}
    box.trial()._try(_candidate(book))
    assert book.read().current == tried
    assert len(box.asked) > 5


def test_one_that_is_well_only_at_the_very_end_is_too_late(
    places: Places, book: Book, tried: Program
) -> None:
    box = FakeHouse(places, well_from=LIMIT_S - 5)
    box.trial()._try(_candidate(book))
    assert book.read().refused[0].reason == "not_well"


@pytest.mark.parametrize(
    ("usual", "limit"), [(0.0, LIMIT_S), (5.0, LIMIT_S), (30.0, 240.0), (999.0, LONGEST_LIMIT_S)]
)
def test_a_slow_box_gives_more_time(
    places: Places, book: Book, tried: Program, usual: float, limit: float
) -> None:
    box = FakeHouse(places, well_from=None, usual=usual)
    begin = box.clock
    box.trial()._try(_candidate(book))
    assert limit <= box.clock - begin <= limit + 5


def test_one_that_breaks_down_twice_is_put_back_at_once(places: Places, book: Book, tried: Program) -> None:
    box = FakeHouse(places, well_from=None)
    box.crashes = {2, 4}
    begin = box.clock
    box.trial()._try(_candidate(book))
    assert book.read().refused[0].reason == "crashed"
    assert box.clock - begin < LIMIT_S / 2
    assert box.starts == 3, "the start after the second crash has put it back; nothing more is started"


def test_one_that_no_start_takes_is_given_up(places: Places, book: Book, tried: Program) -> None:
    box = FakeHouse(places, well_from=5)
    box.can_choose = False
    box.trial()._try(_candidate(book))
    assert book.read().refused[0].reason == "does_not_start"


def test_after_a_power_cut_the_trial_goes_on_with_what_runs(
    places: Places, book: Book, tried: Program
) -> None:
    first = FakeHouse(places, well_from=None)
    first.start()
    box = FakeHouse(places, well_from=20)
    box.start()
    box.trial()._try(_candidate(book))
    assert book.read().current == tried
    assert box.starts == 1, "it ran already"


def test_after_two_power_cuts_the_start_has_put_it_back(places: Places, book: Book, tried: Program) -> None:
    for _ in range(3):
        FakeHouse(places, well_from=None).start()
    box = FakeHouse(places, well_from=1)
    box.trial().run()
    assert book.read().refused[0].reason == "started_too_often"
    assert box.starts == 0


def test_a_day_of_service_ends_the_probation(places: Places, book: Book, lay: Lay) -> None:
    book.write(State(current=lay("0.5.1"), probation=Probation()))
    box = FakeHouse(places, well_from=0)
    begin = box.clock
    box.trial().run()
    assert book.read().probation is None
    assert box.clock - begin == pytest.approx(24 * 3600)


def test_nothing_is_done_where_nothing_is_tried(places: Places, book: Book, lay: Lay) -> None:
    book.write(State(current=lay("0.5.1")))
    box = FakeHouse(places, well_from=0)
    box.trial().run()
    assert (box.starts, box.asked) == (0, [])


def _candidate(book: Book) -> Candidate:
    candidate = book.read().candidate
    assert candidate
    return candidate


@pytest.mark.parametrize(
    ("said", "start"),
    [
        (
            (
                "ActiveState=activating\nSubState=auto-restart-queued\nResult=exit-code\n"
                "ExecMainStartTimestampMonotonic=5000000\nActiveEnterTimestampMonotonic=9000000\n"
            ),
            Start(failed=True, was_ready=True, by_watchdog=False),
        ),
        (
            (
                "ActiveState=activating\nSubState=auto-restart\nResult=watchdog\n"
                "ExecMainStartTimestampMonotonic=5000000\nActiveEnterTimestampMonotonic=9000000\n"
            ),
            Start(failed=True, was_ready=True, by_watchdog=True),
        ),
        (
            (
                "ActiveState=activating\nSubState=auto-restart\nResult=exit-code\n"
                "ExecMainStartTimestampMonotonic=9000000\nActiveEnterTimestampMonotonic=5000000\n"
            ),
            Start(failed=True, was_ready=False, by_watchdog=False),
        ),
        (
            (
                "ActiveState=inactive\nSubState=dead\nResult=success\n"
                "ExecMainStartTimestampMonotonic=0\nActiveEnterTimestampMonotonic=0\n"
            ),
            Start(failed=False),
        ),
        ("", Start(failed=False)),
    ],
)
def test_systemd_says_why_the_house_starts(places: Places, said: str, start: Start) -> None:
    system = Programs()
    system.says("systemctl show", said)
    assert House(places, system).service().start == start


def test_an_order_of_ours_counts_for_no_failure(places: Places) -> None:
    system = Programs()
    House(places, system).restart()
    assert [" ".join(call[1:]) for call in system.calls] == [
        "reset-failed nisse.service",
        "--no-block restart nisse.service",
    ]


def test_a_systemd_that_is_silent_is_said(places: Places) -> None:
    system = Programs()
    system.fails("systemctl show")
    with pytest.raises(UnavailableError):
        House(places, system).service()


def status(path: Path, states: dict[str, str], age: float = 0.0) -> Path:
    rows = [{"name": name, "state": state} for name, state in states.items()]
    path.write_text(json.dumps({"version": 1, "at": time.time() - age, "processes": rows}))
    return path


def test_every_process_must_run(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    now = time.time()
    assert house.processes(status(file, {"portal": "RUNNING", "brain": "RUNNING"}), now).is_well
    found = house.processes(status(file, {"portal": "RUNNING", "brain": "BACKOFF"}), now)
    assert not found.is_well
    assert "brain" in found.words
    assert not house.processes(status(file, {}), now).is_well
    assert not house.processes(status(file, {"portal": "RUNNING"}, age=300), now).is_well
    for spoilt in ("", "[]", "{}", '{"processes": [1]}', '{"at": "x", "processes": []}'):
        file.write_text(spoilt)
        assert not house.processes(file, now).is_well
    assert not house.processes(tmp_path / "nothing", now).is_well
