"""Streams: what watchers see of an answer that is being written."""

from __future__ import annotations

from itertools import islice

from agent.conversation.streams import Streams


def test_a_watcher_sees_the_pieces_from_the_first_on() -> None:
    streams = Streams()
    streams.begin("m")
    for text in ("a", "b"):
        streams.piece("m", text)
    streams.finish("m")
    assert list(streams.watch("m", 0.01)) == [{"piece": "a"}, {"piece": "b"}]


def test_a_new_attempt_takes_back_what_was_shown_once() -> None:
    streams = Streams()
    streams.begin("m")
    streams.piece("m", "half")
    watching = streams.watch("m", 0.01)
    assert next(watching) == {"piece": "half"}
    for _ in range(1000):  # the brain is away for long
        streams.begin("m")
    streams.piece("m", "whole")
    streams.finish("m")
    assert list(watching) == [{"reset": True}, {"piece": "whole"}]
    assert list(streams.watch("m", 0.01)) == [{"piece": "whole"}]


def test_silence_is_broken_by_signs_of_life() -> None:
    streams = Streams()
    streams.begin("m")
    assert list(islice(streams.watch("m", 0.01), 3)) == [None, None, None]
