"""Asking whether a service still answers: over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import alive
from provisioning.supervision import probing
from provisioning.supervision.probing import Probing
from tests.live.ports import free_port


@pytest.fixture
def silent() -> Iterator[tuple[str, int, str]]:
    """Somebody who lets everybody in and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield "127.0.0.1", int(server.getsockname()[1]), "/health"


def test_silence_is_hanging(silent: tuple[str, int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_PATIENCE_S", 0.2)
    assert not probing.answers(silent)


def test_a_closed_door_is_not() -> None:
    assert probing.answers(("127.0.0.1", free_port(), "/health"))


def test_who_listens_is_found_by_knocking_and_who_is_asked_nowhere_is_there(
    silent: tuple[str, int, str],
) -> None:
    closed = ("127.0.0.1", free_port(), "/health")
    asked = Probing(lambda: {"portal": silent, "brain": closed}, every=10_000)
    assert [asked.listens(name) for name in ("portal", "brain", "channel-mail")] == [True, False, True]


def test_it_takes_several_silences_and_one_answer_forgives_them() -> None:
    answers = iter([False, False, True, False, False, False])
    asked = Probing(lambda: {"recall": ("", 0, "")}, lambda _place: next(answers), every=10_000)
    found = []
    for _ in range(6):
        asked.round()
        found.append(asked.hangs("recall"))
    assert found == [False, False, False, False, False, True]


def test_a_brain_that_loads_a_model_is_given_longer() -> None:
    asked = Probing(lambda: {"brain": ("", 0, "")}, lambda _place: False, every=10_000)
    for _ in range(8):
        asked.round()
    assert not asked.hangs("brain")
    asked.round()
    assert asked.hangs("brain")


def test_the_places_come_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NISSE_PORTAL_LISTEN", "0.0.0.0:80")
    found = probing.from_settings()
    assert found["portal"] == ("127.0.0.1", 80, "/healthz")
    assert found["brain"] == ("127.0.0.1", 8701, "/health")
    assert found["channel-door"] == ("127.0.0.1", 8025, "")
    assert "channel-mail" not in found


class Promising:
    """Somebody who looks at one process's sign, with a clock of the test's own."""

    def __init__(self, run: Path) -> None:
        (run / alive.FOLDER).mkdir()
        self.now, self.file = 1000.0, run / alive.FOLDER / "channel-mail"
        self.probing = Probing(dict, lambda _place: True, every=10_000, run=run, clock=lambda: self.now)

    def hangs(self, after: float = 0.0) -> bool:
        """Whether it is found to hang after so many seconds."""
        self.now += after
        self.probing.hangs("channel-mail")
        self.now += probing._LATE_S
        return self.probing.hangs("channel-mail")


def test_who_breaks_a_promise_hangs_and_who_renews_it_does_not(tmp_path: Path) -> None:
    mail = Promising(tmp_path)
    mail.probing.began("channel-mail")
    alive.promise(mail.file, mail.now + 120)
    assert not mail.hangs(after=70)
    alive.promise(mail.file, mail.now + 120)
    assert not mail.hangs(after=70)
    assert mail.hangs(after=10)


def test_a_box_that_stood_still_as_a_whole_ends_nobody_for_it(tmp_path: Path) -> None:
    mail = Promising(tmp_path)
    mail.probing.began("channel-mail")
    alive.promise(mail.file, mail.now + 120)
    mail.now += 3600
    assert not mail.probing.hangs("channel-mail")
    mail.now += 20
    alive.promise(mail.file, mail.now + 120)  # it comes to itself, too
    assert not mail.hangs(after=60)


def test_who_never_promised_anything_is_not_held_to_it(tmp_path: Path) -> None:
    mail = Promising(tmp_path)
    mail.probing.began("channel-mail")
    assert not mail.hangs(after=1_000_000)


def test_the_promise_of_the_process_before_is_not_the_new_ones(tmp_path: Path) -> None:
    mail = Promising(tmp_path)
    alive.promise(mail.file, 900)  # broken: therefore it was ended
    mail.probing.began("channel-mail")
    assert not mail.hangs(after=400)
    assert mail.hangs(after=200), "ten minutes are enough for a first sign"
    mail.probing.began("channel-mail")
    alive.promise(mail.file, mail.now + 180)
    assert not mail.hangs(after=100)


def test_a_hung_process_that_had_an_hour_is_found_after_it(tmp_path: Path) -> None:
    mail = Promising(tmp_path)
    mail.probing.began("channel-mail")
    alive.promise(mail.file, mail.now + 3600)
    assert not mail.hangs(after=3500)
    assert mail.hangs(after=60)
