"""The rules by which a start takes a program: each state, each end, and never a version that does not fit."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from provisioning.programs import choosing, reasons
from provisioning.programs.choosing import Base, Start
from provisioning.programs.state import Candidate, Probation, Program, State

from .conftest import BASE, NOW, program

OLD, NEW, NEWER = program("0.5.1"), program("0.5.2"), program("0.5.3")
AGAIN = Start(failed=True)
HUNG = Start(failed=True, by_watchdog=True)
NEVER_UP = Start(failed=True, was_ready=False)


def tried(current: Program | None = OLD, starts: int = 0) -> State:
    return State(current=current, candidate=Candidate(program=NEW, starts=starts))


def after(state: State, *starts: Start, base: Base = BASE) -> State:
    for start in starts:
        state = choosing.choose(state, base, start, NOW).state
    return state


def test_without_programs_the_base_runs() -> None:
    assert choosing.choose(State(), BASE, Start(), NOW) == choosing.Choice(state=State(), program=None)


def test_the_current_one_runs_and_nothing_is_written() -> None:
    state = State(current=OLD, previous=None)
    assert choosing.choose(state, BASE, Start(), NOW) == choosing.Choice(state=state, program=OLD)


def test_a_candidate_runs_twice_without_a_verdict_and_not_a_third_time() -> None:
    first = choosing.choose(tried(), BASE, Start(), NOW)
    second = choosing.choose(first.state, BASE, Start(), NOW)
    third = choosing.choose(second.state, BASE, Start(), NOW)
    assert [first.program, second.program, third.program] == [NEW, NEW, OLD]
    assert third.state.last
    assert (third.state.last.result, third.state.last.reason, third.state.last.to) == (
        "rolled_back",
        "started_too_often",
        "0.5.1",
    )


@pytest.mark.parametrize(
    ("start", "reason"), [(AGAIN, "crashed"), (NEVER_UP, "does_not_start"), (HUNG, "watchdog")]
)
def test_one_that_breaks_down_is_put_back_with_its_reason(start: Start, reason: str) -> None:
    state = after(tried(), Start(), start, start)
    assert state.candidate is None
    assert state.current == OLD
    assert state.refused[0].reason == reason
    assert "0.5.1" in state.refused[0].sentence


def test_one_that_hung_is_not_started_again() -> None:
    assert after(tried(), Start(), HUNG).candidate is None


def test_from_the_base_it_goes_back_to_the_base() -> None:
    choice = choosing.choose(tried(None, starts=2), BASE, Start(), NOW)
    assert choice.program is None
    assert choice.state.last
    assert choice.state.last.to == BASE.version


def test_one_that_did_well_is_kept_with_the_one_before() -> None:
    state = choosing.kept(tried(), BASE, NOW)
    assert (state.current, state.previous, state.candidate) == (NEW, OLD, None)
    assert state.probation == Probation()
    assert state.committed_version == "0.5.2"
    assert choosing.kept(state, BASE, NOW) == state, "twice is no more than once"


def test_the_floor_never_falls() -> None:
    state = dataclasses.replace(tried(), committed_version="0.10.0")
    assert choosing.kept(state, BASE, NOW).committed_version == "0.10.0"


def test_on_probation_the_third_crash_puts_it_back() -> None:
    state = choosing.kept(tried(), BASE, NOW)
    assert after(state, AGAIN, AGAIN).current == NEW
    fallen = after(state, AGAIN, AGAIN, AGAIN)
    assert (fallen.current, fallen.previous, fallen.probation) == (OLD, None, None)
    assert fallen.refused[0].reason == "crashed"


def test_on_probation_a_power_cut_is_no_crash() -> None:
    state = choosing.kept(tried(), BASE, NOW)
    assert after(state, *[Start()] * 10) == state


def test_on_probation_one_that_hangs_is_put_back_at_once() -> None:
    assert after(choosing.kept(tried(), BASE, NOW), HUNG).current == OLD


def test_probation_ends_after_a_day_of_service() -> None:
    state = choosing.kept(tried(), BASE, NOW)
    for _ in range(23):
        state = choosing.served(state, 3600.0)
    assert state.probation
    state = choosing.served(state, 3600.0)
    assert state.probation is None
    assert after(state, AGAIN, AGAIN, AGAIN, AGAIN).current == NEW, "what was proven stays"


def test_the_owner_goes_back_to_the_one_before_and_then_to_the_base() -> None:
    state = choosing.gone_back(State(current=NEW, previous=OLD, probation=Probation()), BASE, NOW)
    assert (state.current, state.previous, state.probation) == (OLD, None, None)
    assert state.last
    assert (state.last.result, state.last.version, state.last.to) == ("went_back", "0.5.2", "0.5.1")
    assert not state.refused, "going back says nothing against it"
    state = choosing.gone_back(state, BASE, NOW)
    assert choosing.running(state, BASE) is None
    assert choosing.gone_back(state, BASE, NOW) == state, "behind the base is nothing"


@pytest.mark.parametrize("version", ["0.5.2", "0.6.0", "1"])
def test_a_base_that_is_as_new_runs_in_place_of_all_programs(version: str) -> None:
    base = dataclasses.replace(BASE, version=version)
    choice = choosing.choose(
        State(current=NEW, previous=OLD, candidate=Candidate(program=NEW)), base, Start(), NOW
    )
    assert choice.program is None
    assert choice.state.candidate is None
    assert choice.state.last
    assert (choice.state.last.reason, choice.state.last.to) == ("overtaken", version)


@pytest.mark.parametrize(
    "changes", [{"architecture": "arm64"}, {"python": "3.99"}, {"needs_system": "0.5.1"}]
)
def test_what_does_not_fit_the_base_does_not_run(changes: dict[str, str]) -> None:
    """As after the system went back to its other slot, or the card was put into another box."""
    strange = program("0.5.2", **changes)
    assert choosing.choose(State(current=strange, previous=OLD), BASE, Start(), NOW).program == OLD
    assert choosing.choose(State(candidate=Candidate(program=strange)), BASE, Start(), NOW).program is None


def test_a_damaged_file_leads_to_the_one_before() -> None:
    state = State(current=NEW, previous=OLD, candidate=Candidate(program=NEWER))
    state = choosing.without(state, NEWER, BASE, NOW)
    assert (state.candidate, state.current) == (None, NEW)
    state = choosing.without(state, NEW, BASE, NOW)
    assert (state.current, state.previous) == (OLD, None)
    assert state.last
    assert (state.last.reason, state.last.to) == ("damaged", "0.5.1")
    state = choosing.without(state, OLD, BASE, NOW)
    assert choosing.running(state, BASE) is None


def test_of_those_that_did_not_do_well_only_so_many_are_remembered() -> None:
    state = State()
    for number in range(40):
        bad = program(f"1.{number}")
        state = choosing.dropped(choosing.taken(state, bad, NOW), BASE, "not_well", NOW)
    assert len(state.refused) == 16
    assert state.refused[0].version == "1.39"


def test_every_sequence_of_ends_leaves_something_that_fits_and_tries_nothing_for_ever() -> None:
    """All ways of six starts, from each state: power cuts, crashes, hangs."""
    starts = (Start(), AGAIN, NEVER_UP, HUNG)
    begins = (State(), State(current=OLD), tried(None), tried(), choosing.kept(tried(), BASE, NOW))
    for begin in begins:
        for ends in itertools.product(starts, repeat=6):
            state, ran = begin, []
            for start in ends:
                choice = choosing.choose(state, BASE, start, NOW)
                state = choice.state
                ran.append(choice.program)
                assert choice.program is None or choosing.fits(choice.program, BASE)
                assert State.from_json(state.to_json()) == state
            assert state.candidate is None
            assert begin.candidate is None or ran.count(NEW) <= choosing.MOST_STARTS


def test_every_reason_has_a_sentence_that_says_what_runs() -> None:
    for reason in reasons.SENTENCES:
        assert "9.8.7" in reasons.sentence(reason, "9.8.7")
    assert set(reasons.SENTENCES) >= reasons.FORGIVEN
