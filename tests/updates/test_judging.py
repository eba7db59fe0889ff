"""The verdict on a candidate: what it must show, beside whom, and the one plain sentence where it does not."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from agent.models.catalogue import File, Model
from provisioning.updates.judging import Question, Shown, judge
from provisioning.updates.release import Limits, Probe, Release
from tests.updates.goods import SHAPE

MODEL = Model(
    name="new", role="chat", title="New", licence="CC0-1.0", memory=100, context=512, quantisation="F32", parameters=1,
    files=(File(name="new.gguf", size=10, sha256="0" * 64, sources=()),), shape=SHAPE,
)  # fmt: skip
RELEASE = Release(
    seq=1, model=MODEL, version="1.0", probes=(Probe(prompt="What is 2 + 2?", must_match=(r"\b4\b",)),)
)
HEDGE = Question(text="When is the hedge cut?", check=lambda text: "" if "May" in text else "It lacks “May”.")


def _answer(text: str = "It is 4.", tokens: int = 11, seconds: float = 1.0) -> dict[str, Any]:
    return {"text": text, "tokens": tokens, "going_on_s": seconds, "first_token_s": 0.5, "seconds": 1.5}


def _shown(*answers: dict[str, Any], **more: Any) -> Shown:
    return Shown(**{"ended": "well", "answers": answers, **more})


def _verdict(candidate: Shown, present: Shown | None = None, release: Release = RELEASE, **more: Any) -> str:
    return judge(release, (), candidate, present, **{"signed": True, **more}).reason


def test_a_good_candidate_is_good() -> None:
    assert judge(RELEASE, (), _shown(_answer()), _shown(_answer()), signed=True).good


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        ("does_not_load", "does_not_load"),
        ("crashed", "crashed"),
        ("hung", "hung"),
        ("too_much_memory", "memory_hungry"),
        ("given_up", "crashed"),
    ],
)
def test_one_that_did_not_come_to_its_end_is_not(ended: str, reason: str) -> None:
    verdict = judge(RELEASE, (), Shown(ended=ended, why="So it was."), None, signed=True)
    assert verdict.reason == reason
    assert verdict.sentence.endswith("So it was.") == (reason in ("memory_hungry", "hung"))


def test_one_that_answers_less_than_it_was_asked_is_not() -> None:
    assert _verdict(_shown()) == "crashed"


@pytest.mark.parametrize(
    "text", ["five", "", "   ", "!!!!", "\x00\x01\x02 4 \x03\x04\x05\x06\x07", "\ufffd\ufffd 4"]
)
def test_a_probe_wants_its_answer_and_words(text: str) -> None:
    assert _verdict(_shown(_answer(text))) == "wrong_answer"


def test_the_sentence_names_the_question() -> None:
    verdict = judge(RELEASE, (), _shown(_answer("five")), None, signed=True)
    assert "What is 2 + 2?" in verdict.sentence


def test_a_promise_on_memory_and_on_the_first_word_is_kept_or_broken() -> None:
    limits = Limits(max_rss_mb=200, max_first_token_s=0.4)
    release = dataclasses.replace(RELEASE, limits=limits)
    assert _verdict(_shown(_answer(), peak=201), release=release) == "memory_hungry"
    assert _verdict(_shown(_answer(), peak=199), release=release) == "slow_model"
    fast = {**_answer(), "first_token_s": 0.3}
    assert _verdict(_shown(fast, peak=199), release=release) == ""


def test_a_file_that_takes_far_more_than_it_foretells_lies_or_leaks() -> None:
    assert _verdict(_shown(_answer(), peak=900, foretold=500)) == ""
    assert _verdict(_shown(_answer(), peak=1100, foretold=500)) == "memory_hungry"


def test_half_the_speed_is_not_enough_unless_the_publisher_promised_no_more() -> None:
    present, half = _shown(_answer()), _shown(_answer(seconds=2.1))
    assert _verdict(half, present) == "slow_model"
    slower = dataclasses.replace(RELEASE, limits=Limits(minimum_speed=0.3))
    assert _verdict(half, present, slower) == ""
    as_fast = dataclasses.replace(RELEASE, limits=Limits(minimum_speed=0.95))
    assert _verdict(_shown(_answer(seconds=1.1)), present, as_fast) == "slow_model"
    assert _verdict(half, None) == ""


def test_an_owner_decides_alone_how_slow_a_model_of_his_own_may_be() -> None:
    slow = _shown(_answer("Hello.", seconds=60.0))
    mine = dataclasses.replace(RELEASE, probes=())
    hello = Question(text="Hello?", check=lambda _: "")
    assert judge(mine, [hello], slow, _shown(_answer()), signed=False).good
    assert judge(mine, [hello], slow, _shown(_answer()), signed=True).reason == "slow_model"


def test_a_question_of_the_house_that_the_present_model_answers_must_be_answered() -> None:
    good, bad = _answer("In May."), _answer("In winter.")
    probe = _answer()
    verdict = judge(RELEASE, [HEDGE], _shown(probe, bad), _shown(probe, good), signed=True)
    assert verdict.reason == "golden"
    assert "When is the hedge cut?" in verdict.sentence
    assert "It lacks “May”." in verdict.sentence
    assert judge(RELEASE, [HEDGE], _shown(probe, good), _shown(probe, good), signed=True).good


def test_a_question_that_the_present_model_cannot_answer_either_forbids_nothing() -> None:
    bad, probe = _answer("In winter."), _answer()
    assert judge(RELEASE, [HEDGE], _shown(probe, bad), _shown(probe, bad), signed=True).good
    assert judge(RELEASE, [HEDGE], _shown(probe, bad), None, signed=True).reason == "golden"


EMBED = dataclasses.replace(
    RELEASE,
    model=dataclasses.replace(MODEL, role="embed", shape=None),
    probes=(Probe(prompt="a cat", near="a kitten", far="tax law"),),
    limits=Limits(embed_dim=384),
)


def _vectors(**more: Any) -> Shown:
    row = {"near": 0.8, "far": 0.2, "length": 1.0, "tokens": 3, "seconds": 0.1}
    return Shown(ended="well", dimensions=384, answers=({**row, **more},))


def test_an_embedder_puts_together_what_belongs_together() -> None:
    assert _verdict(_vectors(), _vectors(), EMBED) == ""
    assert _verdict(_vectors(near=0.1), None, EMBED) == "poor_vectors"
    assert _verdict(_vectors(length=2.0), None, EMBED) == "poor_vectors"
    assert _verdict(_vectors(near=math.nan), None, EMBED) == "poor_vectors"
    assert _verdict(dataclasses.replace(_vectors(), dimensions=768), None, EMBED) == "wrong_dimensions"
    assert _verdict(_vectors(seconds=0.4), _vectors(), EMBED) == "slow_model"
