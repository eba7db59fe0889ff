"""The table of states: what follows what, what a start makes of whatever it finds, and that no way leads round in circles."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from provisioning.updates import states
from provisioning.updates.states import TABLE, Event, Record, State, Watch, WrongStepError, after, recovered

BUSY = [state for state in State if state not in (State.IDLE, State.CHECKED, State.OFFERED)]
each_state = pytest.mark.parametrize("state", list(State))


@each_state
@pytest.mark.parametrize("event", list(Event))
def test_every_event_leads_where_the_table_says_or_nowhere(state: State, event: Event) -> None:
    record = Record(state=state, seq=3, boot="b", release="{}")
    if event not in TABLE[state]:
        with pytest.raises(WrongStepError):
            after(record, event)
        return
    came = after(record, event)
    assert came.state == TABLE[state][event]
    assert came.boot == "b"
    assert came == Record(boot="b") if came.state == State.IDLE else came.writes == 1


@each_state
def test_whatever_goes_wrong_ends_with_the_old_model_and_a_word_to_the_owner(state: State) -> None:
    if Event.FAILED not in TABLE[state]:
        assert state in (State.IDLE, State.GC, State.ROLLBACK, State.REPORTED)
        return
    record = after(Record(state=state), Event.FAILED, reason="crashed")
    assert record.state == State.ROLLBACK
    record = after(record, Event.DONE)
    assert (record.state, record.reason) == (State.REPORTED, "crashed")
    assert after(record, Event.DONE).state == State.IDLE


@each_state
def test_no_state_is_a_dead_end(state: State) -> None:
    reached, ways = set(), [state]
    while ways:
        here = ways.pop()
        if here not in reached:
            reached.add(here)
            ways.extend(TABLE[here].values())
    assert State.IDLE in reached


def test_the_way_of_an_update_that_does_well() -> None:
    record, way = Record(), [State.IDLE]
    record = states.begin(record, Event.FOUND, seq=1)
    for event in (Event.SUITS, Event.CONSENTED, *[Event.DONE] * 8):
        way.append(record.state)
        record = after(record, event)
    assert way == [
        "idle", "checked", "offered", "reserved", "downloading", "verified", "staged", "trial", "probation", "committed", "gc",
    ]  # fmt: skip
    assert record == Record()


def test_an_update_that_goes_round_in_circles_is_given_up() -> None:
    record = Record(state=State.PROBATION, writes=1)
    for _ in range(states.MOST_WRITES + 1):
        if record.state == State.ROLLBACK:
            break
        record = after(record, Event.AGAIN)
    assert (record.state, record.reason) == (State.ROLLBACK, "too_many_steps")


def test_who_has_proven_itself_is_not_thrown_out_for_the_number_of_steps() -> None:
    record = Record(state=State.PROBATION, writes=states.MOST_WRITES + 5)
    assert after(record, Event.DONE).state == State.COMMITTED


@pytest.mark.parametrize("state", BUSY)
def test_nothing_new_begins_while_an_update_is_under_way(state: State) -> None:
    for event in (Event.FOUND, Event.BROUGHT):
        with pytest.raises(WrongStepError):
            states.begin(Record(state=state), event)


@each_state
def test_a_record_comes_back_from_its_file_as_it_was(state: State) -> None:
    import json

    record = Record(state=state, release="{}", seq=7, watch=Watch(since=1.5, answered=3), since=2.0)
    assert states.read(json.loads(json.dumps(record.to_json()))) == record


@pytest.mark.parametrize(
    "damage",
    [
        {"state": "flying"},
        {"seq": "7"},
        {"seq": -1},
        {"seq": True},
        {"consent": 1},
        {"watch": None},
        {"watch": {"answered": "many"}},
        {"watch": {"unknown": 1}},
        {"unknown": 1},
        {"since": "yesterday"},
        {"release": None},
    ],
)
def test_a_record_that_says_what_cannot_be_says_nothing(damage: dict[str, Any]) -> None:
    assert states.read({**Record().to_json(), **damage}) is None


@each_state
@pytest.mark.parametrize("boot", ["same", "another"])
def test_a_start_goes_on_where_the_last_process_was(state: State, boot: str) -> None:
    record = Record(state=state, seq=3, boot="same", attempts=1, old=1, new=2)
    found = recovered(record, torn=False, boot=boot, active=1, previous=0)
    assert found.boot == boot
    assert found.state == state
    assert found.seq == 3
    assert found.attempts == (2 if state == State.TRIAL else 1)
    assert found.reboots == (boot == "another" and state in (State.TRIAL, State.PROBATION))


def test_a_trial_in_which_the_box_dies_again_and_again_is_given_up() -> None:
    record = Record(state=State.TRIAL, attempts=1, boot="0")
    for number in range(1, states.MOST_TRIALS):
        record = recovered(record, torn=False, boot=str(number), active=1, previous=0)
        assert record.state == State.TRIAL
    record = recovered(record, torn=False, boot="9", active=1, previous=0)
    assert (record.state, record.reason) == (State.ROLLBACK, "interrupted")


def test_a_probation_in_which_the_box_restarts_again_and_again_is_given_up() -> None:
    record = Record(state=State.PROBATION, boot="0", old=1, new=2)
    for number in range(1, states.MOST_REBOOTS):
        record = recovered(record, torn=False, boot=str(number), active=2, previous=1)
        assert record.state == State.PROBATION
        record = recovered(
            record, torn=False, boot=str(number), active=2, previous=1
        )  # a mere restart of the process
    record = recovered(record, torn=False, boot="9", active=2, previous=1)
    assert (record.state, record.reason) == (State.ROLLBACK, "restarts")


@pytest.mark.parametrize("torn", [True, False])
@pytest.mark.parametrize(("active", "previous"), [(0, 0), (1, 0), (2, 1)])
def test_without_a_record_what_serves_goes_on_serving(active: int, previous: int, *, torn: bool) -> None:
    found = recovered(None, torn=torn, boot="b", active=active, previous=previous)
    if torn and active and previous:
        # It is not known whether the active set has proven itself: it does so again.
        assert (found.state, found.new, found.old) == (State.PROBATION, active, previous)
    else:
        assert found == Record(boot="b")


def test_long_texts_are_cut_and_a_new_update_knows_nothing_of_the_last() -> None:
    record = after(Record(state=State.TRIAL, writes=4), Event.FAILED, reason="crashed", sentence="x" * 9000)
    assert len(record.sentence) == 2000
    done = after(after(record, Event.DONE), Event.DONE)
    fresh = states.begin(dataclasses.replace(done, boot="b"), Event.FOUND, seq=9)
    assert (fresh.reason, fresh.sentence, fresh.writes, fresh.boot) == ("", "", 1, "b")
