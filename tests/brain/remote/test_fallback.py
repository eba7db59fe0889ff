"""A server first and another model behind it: who answers, when a question changes hands, and when it does not.

The model that stands in is here a second server, which fails only when it is told to.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.brain import Asker, Options, Piece, Request, Runtime, Turn
from agent.brain.remote.fallback import WithFallback
from agent.brain.remote.place import Place
from agent.brain.remote.runtime import Remote
from agent.errors import ModelError, NisseError, RequestError, UnavailableError
from tests.fakes.openai_server import OpenAIServer, said
from tests.live.running import until

HI = Request(turns=(Turn(role="user", text="Hi"),))


class Both:
    """The two servers, and how often the second was lent."""

    def __init__(self, first: OpenAIServer, second: OpenAIServer) -> None:
        self.first, self.second = first, second
        second.chunks = said("I stand in.")
        self.remote = Remote(Place(url=first.url, model="big"), Options(queue=0), patience=20)
        self.local: Remote | None = Remote(Place(url=second.url, model="small"), Options(), patience=20)
        self.lent = 0
        self.runtime = WithFallback(self.remote, self.lend)

    @contextmanager
    def lend(self) -> Iterator[Runtime]:
        if self.local is None:
            raise ModelError("No model is here yet.")
        self.lent += 1
        try:
            yield self.local
        finally:
            self.lent -= 1

    def ask(self, request: Request = HI) -> str:
        with self.runtime.submit(self.runtime.prepare(request), Asker()) as answer:
            pieces = list(answer)
        assert pieces[-1].finish
        return "".join(piece.text for piece in pieces)


@pytest.fixture
def both() -> Iterator[Both]:
    with OpenAIServer() as first, OpenAIServer() as second:
        made = Both(first, second)
        yield made
        made.remote.close()
        if made.local:
            made.local.close()
        assert not made.lent


def test_the_server_answers_while_it_can(both: Both) -> None:
    assert both.ask() == "Owls hunt at night."
    assert not both.second.asked
    assert both.runtime.info()["fallbacks"] == 0


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500, 503])
def test_what_it_refuses_the_other_answers(both: Both, status: int) -> None:
    both.first.status = status
    assert both.ask() == "I stand in."
    assert both.runtime.info()["fallbacks"] == 1


def test_what_dies_before_the_first_piece_the_other_answers(both: Both) -> None:
    both.first.die_after = 0
    assert both.ask() == "I stand in."


def test_nonsense_before_the_first_piece_too(both: Both) -> None:
    both.first.chunks = ["<html>"]
    assert both.ask() == "I stand in."


def test_after_the_first_piece_nobody_begins_anew(both: Both) -> None:
    both.first.chunks = [*said("Owls ")[:1], "{"]
    with pytest.raises(ModelError):
        both.ask()
    assert not both.second.asked


def test_a_full_queue_at_the_server_is_no_reason_to_wait(both: Both) -> None:
    both.first.holding.set()
    prompt = both.runtime.prepare(HI)
    waiting = [both.runtime.submit(prompt, Asker()) for _ in range(16)]
    assert both.ask() == "I stand in."
    for answer in waiting:
        answer.close()


def test_without_a_model_of_its_own_the_servers_word_stands(both: Both) -> None:
    assert both.local is not None
    both.local.close()
    both.local = None
    both.first.status, both.first.said = 503, "The queue is full."
    with pytest.raises(UnavailableError, match="The queue is full"):
        both.ask()
    both.first.status, both.first.said = 400, "Too long."
    with pytest.raises(RequestError, match="Too long"):
        both.ask()


def test_what_both_refuse_is_refused_in_the_words_of_the_second(both: Both) -> None:
    both.first.status, both.second.status, both.second.said = 400, 400, "Too long for this box."
    with pytest.raises(NisseError, match="Too long for this box"):
        both.ask()


def test_whoever_leaves_while_the_other_answers_frees_its_place(both: Both) -> None:
    both.first.status = 500
    both.second.holding.set()
    answer = both.runtime.submit(both.runtime.prepare(HI), Asker())
    pieces = iter(answer)
    until(lambda: both.second.at_once or next(pieces) is None, 10, "the change")
    assert both.lent == 1
    answer.close()
    assert both.second.hung_up.wait(5)
    assert both.lent == 0
    assert not [piece for piece in pieces if piece.finish]


class Late:
    """The stand-in, lent only when the test says so."""

    def __init__(self, both: Both) -> None:
        self.both = both
        self.asked, self.go_on, self.given_back = threading.Event(), threading.Event(), threading.Event()
        both.runtime = WithFallback(both.remote, self.lend)
        both.first.status = 500

    @contextmanager
    def lend(self) -> Iterator[Runtime]:
        self.asked.set()
        self.go_on.wait(10)
        with self.both.lend() as runtime:
            yield runtime
        self.given_back.set()


def test_who_waits_for_the_other_hears_that_the_line_is_alive(both: Both) -> None:
    late = Late(both)
    with both.runtime.submit(both.runtime.prepare(HI), Asker()) as answer:
        pieces = iter(answer)
        until(lambda: next(pieces) == Piece() and late.asked.is_set(), 10, "the change")
        assert [next(pieces), next(pieces)] == [Piece(), Piece()]
        late.go_on.set()
        assert "".join(piece.text for piece in pieces) == "I stand in."


def test_whoever_leaves_while_the_other_is_waited_for_keeps_nothing_lent(both: Both) -> None:
    late = Late(both)
    answer = both.runtime.submit(both.runtime.prepare(HI), Asker())
    pieces = iter(answer)
    until(lambda: next(pieces) == Piece() and late.asked.is_set(), 10, "the change")
    answer.close()
    assert not list(pieces)
    late.go_on.set()
    assert late.given_back.wait(10)


def test_whoever_leaves_before_the_change_asks_nobody_else(both: Both) -> None:
    both.first.holding.set()
    answer = both.runtime.submit(both.runtime.prepare(HI), Asker())
    pieces = iter(answer)
    next(pieces)
    answer.close()
    assert not [piece for piece in pieces if piece.finish]
    assert not both.second.asked
