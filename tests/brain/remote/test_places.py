"""The queue before a server: in person before in the background, everybody once before anybody twice, bounded."""

from __future__ import annotations

import threading

import pytest

from agent.brain import Asker
from agent.brain.remote.places import Places, Ticket
from agent.errors import UnavailableError

PATIENT = Asker(priority="background")


def _enter(places: Places, asker: Asker, begun: list[Ticket]) -> Ticket:
    return places.enter(asker, begun.append)


def test_those_who_wait_in_person_go_first() -> None:
    places, begun = Places(1, 9), list[Ticket]()
    first = _enter(places, PATIENT, begun)
    tickets = [_enter(places, asker, begun) for asker in (PATIENT, Asker(), PATIENT, Asker())]
    assert (places.working, places.waiting) == (1, 4)
    places.leave(first)
    for ticket in [tickets[1], tickets[3], tickets[0]]:
        assert begun[-1] is ticket
        places.leave(ticket)
    assert begun[-1] is tickets[2]


def test_nobody_gets_a_second_place_before_everybody_has_one() -> None:
    places, begun = Places(2, 9), list[Ticket]()
    anna, bo = Asker(person="anna"), Asker(person="bo")
    one, _two = _enter(places, anna, begun), _enter(places, anna, begun)
    _third = _enter(places, anna, begun)
    bos = _enter(places, bo, begun)
    places.leave(one)
    assert begun[-1] is bos


def test_a_full_queue_refuses_and_who_leaves_makes_room() -> None:
    places, begun = Places(1, 1), list[Ticket]()
    working, waiting = _enter(places, Asker(), begun), _enter(places, Asker(), begun)
    with pytest.raises(UnavailableError) as refused:
        _enter(places, Asker(), begun)
    assert refused.value.retry_after
    places.leave(waiting)
    last = _enter(places, Asker(), begun)
    for _ in range(2):  # leaving twice takes nobody else's place
        places.leave(working)
    assert begun == [working, last]
    assert places.working == 1


def test_in_many_threads_no_place_is_lost_or_given_twice() -> None:
    places, most, now, lock = Places(3, 1000), 0, 0, threading.Lock()

    def use() -> None:
        nonlocal most, now
        for _ in range(50):
            mine = threading.Event()
            ticket = places.enter(Asker(), lambda _ticket, mine=mine: mine.set())  # type: ignore[misc]
            assert mine.wait(20)
            with lock:
                now += 1
                most = max(most, now)
            with lock:
                now -= 1
            places.leave(ticket)

    threads = [threading.Thread(target=use) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (places.working, places.waiting) == (0, 0)
    assert most <= 3
