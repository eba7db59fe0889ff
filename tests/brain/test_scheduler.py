"""The queue before the model: in person before in the background, bounded, and nobody blocks it by leaving."""

from __future__ import annotations

import threading

import pytest

from agent.brain.scheduler import Priority, Scheduler, Ticket
from agent.errors import UnavailableError


def test_whoever_comes_to_a_free_model_is_next_at_once() -> None:
    assert Scheduler(1).enter("background").wait(0)


def test_those_in_person_go_first_and_else_it_goes_by_arrival() -> None:
    scheduler = Scheduler(10)
    working = scheduler.enter("background")
    order: list[str] = []
    arrivals: list[Priority] = ["background", "interactive", "background", "interactive"]
    tickets = [
        (f"{priority} {number}", scheduler.enter(priority)) for number, priority in enumerate(arrivals)
    ]

    def work(name: str, ticket: Ticket) -> None:
        assert ticket.wait(10)
        order.append(name)
        ticket.leave()

    threads = [threading.Thread(target=work, args=each) for each in tickets]
    for thread in threads:
        thread.start()
    working.leave()
    for thread in threads:
        thread.join()
    assert order == ["interactive 1", "interactive 3", "background 0", "background 2"]
    assert not scheduler.working


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    scheduler = Scheduler(1)
    scheduler.enter("interactive")
    scheduler.enter("interactive")
    with pytest.raises(UnavailableError) as refused:
        scheduler.enter("interactive")
    assert refused.value.retry_after


def test_whoever_leaves_the_queue_makes_room() -> None:
    scheduler = Scheduler(1)
    working, waiting = scheduler.enter("interactive"), scheduler.enter("interactive")
    waiting.leave()
    last = scheduler.enter("background")
    working.leave()
    assert last.wait(1)
    assert not waiting.wait(0)


def test_leaving_twice_takes_nobody_elses_place() -> None:
    scheduler = Scheduler(2)
    first, second, third = (scheduler.enter("interactive") for _ in range(3))
    first.leave()
    first.leave()
    assert second.wait(0)
    assert not third.wait(0)
