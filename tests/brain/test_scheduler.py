"""The order of service."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.brain import Asker
from agent.brain.scheduler import Scheduler, is_urgent, reading_order


@dataclass(eq=False)
class _Job:
    name: str
    person: str = ""
    background: bool = False
    arrived: float = 0.0
    begun: bool = False
    parked: bool = False
    left: int = 1
    asker: Asker = field(init=False)

    def __post_init__(self) -> None:
        self.asker = Asker(priority="background" if self.background else "interactive", person=self.person)


def _chosen(scheduler: Scheduler, *jobs: _Job, now: float = 1.0) -> list[str]:
    return [job.name for job in scheduler.choose(jobs, now)]


def test_who_waits_in_person_goes_first_and_the_others_pause() -> None:
    jobs = (_Job("mail", "anna", background=True, begun=True), _Job("chat", "ben", arrived=1.0))
    assert _chosen(Scheduler(4), *jobs) == ["chat"]
    assert _chosen(Scheduler(4), jobs[0]) == ["mail"]


def test_who_can_wait_does_not_wait_for_ever() -> None:
    jobs = (_Job("mail", "anna", background=True, arrived=0.0), _Job("chat", "ben", arrived=599.0))
    assert not is_urgent(jobs[0], 599.0)
    assert _chosen(Scheduler(4), *jobs, now=601.0) == ["mail", "chat"]


def test_nobody_gets_a_second_place_before_everybody_has_one() -> None:
    greedy = [_Job(f"anna{number}", "anna", begun=True, arrived=float(number)) for number in range(4)]
    chosen = _chosen(Scheduler(4), *greedy, _Job("ben", "ben", arrived=9.0), now=10.0)
    assert chosen == ["anna0", "ben", "anna1", "anna2"]


def test_what_has_begun_goes_on() -> None:
    jobs = [_Job("old", "anna", arrived=0.0), _Job("running", "anna", arrived=5.0, begun=True)]
    assert _chosen(Scheduler(1), *jobs, now=9.0) == ["running"]


def test_who_was_served_least_goes_first() -> None:
    scheduler = Scheduler(1)
    scheduler.charge("anna", 500, now=0.0)
    jobs = (_Job("anna", "anna", arrived=0.0), _Job("ben", "ben", arrived=5.0))
    assert _chosen(scheduler, *jobs, now=9.0) == ["ben"]
    scheduler.charge("ben", 10, now=601.0)  # what anna had is half forgotten, but still more
    scheduler.charge("ben", 300, now=602.0)
    assert _chosen(scheduler, *jobs, now=603.0) == ["anna"]


def test_who_was_parked_waits_until_there_is_nobody_else() -> None:
    parked = _Job("parked", "anna", parked=True, begun=True, arrived=1.0)
    assert _chosen(Scheduler(4), parked) == ["parked"]
    assert _chosen(Scheduler(4), _Job("first", "anna", begun=True), parked) == ["first"]
    assert _chosen(Scheduler(4), parked, _Job("first", "ben")) == ["first"]


def test_the_shortest_prompt_is_read_first_but_waiting_counts() -> None:
    long, short = _Job("long", left=1000, arrived=0.0), _Job("short", left=50, arrived=1.0)
    assert [job.name for job in reading_order([long, short], 2.0, speed=100.0)] == ["short", "long"]
    assert [job.name for job in reading_order([long, _Job("new", left=50, arrived=20.0)], 20.0, 100.0)] == [
        "long",
        "new",
    ]
