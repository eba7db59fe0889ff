"""Guessing passwords at the door gets slower and slower, for whoever guesses and for nobody else."""

from __future__ import annotations

import smtplib

import pytest

from agent.channels.door.listening import has_place
from agent.channels.door.throttle import Throttle
from tests.channels.test_door import encrypted, open_door
from tests.live.house_at_work import House

__all__ = ["open_door"]

GUESSER, OTHER = "192.0.2.1", "192.0.2.2"


def test_four_mistakes_are_free_and_each_further_one_costs_twice_the_wait() -> None:
    throttle, now = Throttle(), 1000.0
    pauses = []
    for _ in range(14):
        throttle.wrong(GUESSER, now)
        pauses.append(throttle.pause(GUESSER, now))
        now += pauses[-1]
        assert throttle.pause(GUESSER, now) == 0
    assert pauses == [0, 0, 0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    assert throttle.pause(OTHER, now) == 0


def test_mistakes_of_hours_ago_are_forgotten() -> None:
    throttle = Throttle()
    for _ in range(4):
        throttle.wrong(GUESSER, 0.0)
    throttle.wrong(GUESSER, 7200.0)
    assert throttle.pause(GUESSER, 7200.0) == 0


def test_the_table_of_guessers_stays_small() -> None:
    throttle = Throttle()
    for number in range(5000):
        throttle.wrong(f"192.0.2.{number}", 0.0)
    assert len(throttle._tries) == 1000


def test_one_device_does_not_take_all_places() -> None:
    assert has_place(GUESSER, [GUESSER, GUESSER, OTHER])
    assert not has_place(GUESSER, [GUESSER] * 3)
    assert has_place(OTHER, [GUESSER] * 3)
    assert has_place("127.0.0.1", ["127.0.0.1"] * 7)


def test_after_five_wrong_passwords_even_the_right_one_must_wait(house: House, open_door: int) -> None:
    codes = []
    for guesses in (3, 2):
        with encrypted(open_door, house) as client:
            for _ in range(guesses):
                with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                    client.ehlo()
                    client.user, client.password = "anna@nisse.test", "wrong"
                    client.auth("PLAIN", client.auth_plain)
                codes.append(refused.value.smtp_code)
    assert codes == [535] * 5
    with encrypted(open_door, house) as client:
        with pytest.raises(smtplib.SMTPAuthenticationError) as waits:
            client.login("anna@nisse.test", "password of anna")
        assert waits.value.smtp_code == 454
        assert client.noop()[0] == 250


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_both_ways_to_log_in_work(house: House, open_door: int, mechanism: str) -> None:
    with encrypted(open_door, house) as client:
        client.ehlo()
        client.user, client.password = "anna@nisse.test", "password of anna"
        name = mechanism.removeprefix("auth_").upper()
        assert client.auth(name, getattr(client, mechanism))[0] == 235
