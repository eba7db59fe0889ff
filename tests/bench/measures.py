"""What is measured of each system, one function a measurement.

Owns: the questions' sizes, how often, and which systems take part.
Does not know: what the samples add up to (`figures`).
"""

from __future__ import annotations

import statistics
import time
from typing import cast

from tests.bench.asking import Messages, ask, ask_all
from tests.bench.peers import EXAMPLE, HIGH_LEVEL, LLAMA_SERVER, OURS, Brain, Peer, PeerError
from tests.bench.prompts import SYSTEM
from tests.bench.stage import Samples, Stage

EVERYBODY = (OURS, LLAMA_SERVER, EXAMPLE, HIGH_LEVEL)
_ANSWER = 128  # tokens of a lone answer
_SHORTER = 96  # tokens of an answer among several
_LONG_PROMPT = 1000
_CONVERSATION = 1930  # tokens of a first prompt; with its answer and the second question about 2,000
_BRANCHES = 3  # second questions to one first turn, each of which sees the first turn alone
_SAVED_S = 60.0


def generation(stage: Stage) -> None:
    """One answer, nobody else asks: tokens a second after the first."""
    with stage.servers(*EVERYBODY) as servers:
        for round_ in stage.rounds("one answer", 7, 240):
            messages = stage.prompts.chat()
            stage.sample(
                round_,
                stage.raw,
                lambda m=messages: {
                    "generation": stage.raw.do("generate", messages=m, tokens=_ANSWER)["speed"]
                },  # type: ignore[misc]
            )
            for peer in _turned(servers, round_):
                stage.sample(
                    round_,
                    peer,
                    lambda p=peer, m=messages: {"generation": ask(p.port, m, _ANSWER).speed},  # type: ignore[misc]
                )


def prefill(stage: Stage) -> None:
    """A prompt of 1,000 tokens of which nothing is known: seconds to the first word."""
    with stage.servers(*EVERYBODY) as servers:
        for round_ in stage.rounds("a long prompt", 5, 300):
            messages = long_prompt(stage, _LONG_PROMPT)
            stage.sample(
                round_,
                stage.raw,
                lambda m=messages: {"prefill": stage.raw.do("generate", messages=m, tokens=1)["first_after"]},  # type: ignore[misc]
            )
            for peer in _turned(servers, round_):
                stage.sample(
                    round_,
                    peer,
                    lambda p=peer, m=messages: {"prefill": ask(p.port, m, 2).first_after},  # type: ignore[misc]
                )


def four(stage: Stage) -> None:
    """Four of the household ask at once, the house's own words before each question; and four strangers, who share nothing."""
    with stage.servers(*EVERYBODY) as servers:
        for round_ in stage.rounds("four conversations", 5, 420):
            for peer in _turned(servers, round_):
                stage.sample(round_, peer, lambda p=peer: _together(stage, p, 4, "four"))  # type: ignore[misc]
        for round_ in stage.rounds("four conversations that share no beginning", 3, 240):
            for peer in _turned(servers, round_):
                stage.sample(round_, peer, lambda p=peer: _together(stage, p, 4, "four_apart"))  # type: ignore[misc]


def eight(stage: Stage) -> None:
    """Eight of them."""
    with stage.servers(OURS, LLAMA_SERVER, EXAMPLE, conversations=8) as servers:
        for round_ in stage.rounds("eight conversations", 4, 300):
            for peer in _turned(servers, round_):
                stage.sample(round_, peer, lambda p=peer: _together(stage, p, 8, "eight"))  # type: ignore[misc]


def second_turn(stage: Stage) -> None:
    """A conversation of 2,000 tokens goes on, at once and after kill -9: seconds to the first word."""
    with stage.servers(*EVERYBODY) as servers:
        for round_ in stage.rounds("second turn, also after kill -9", 3, 420):
            first = long_prompt(stage, _CONVERSATION)
            said = "Yes. The notes say so in several places; I would look there first, and ask the neighbour if it is not found."
            later = [_second(first, said, stage.prompts.short_question()) for _ in range(_BRANCHES)]
            stage.sample(round_, stage.raw, lambda m=later[0]: _raw_second_turn(stage, m))  # type: ignore[misc]
            for peer in _turned(servers, round_):
                stage.sample(round_, peer, lambda p=peer, f=first: _second_turn(stage, p, f))  # type: ignore[misc]


def memory(stage: Stage) -> None:
    """What a server holds in memory after some answers, and what of it llama.cpp says that it took."""
    with stage.servers(*EVERYBODY) as servers:
        for round_ in stage.rounds("memory", 1, 120):
            for peer in servers:
                stage.sample(round_, peer, lambda p=peer: _memory(stage, p))  # type: ignore[misc]


def long_prompt(stage: Stage, tokens: int) -> Messages:
    """A conversation's beginning of about so many tokens, of which nobody knows anything."""
    lines = stage.prompts.sentences(20 + tokens // 10).splitlines()

    def with_lines(count: int) -> Messages:
        notes = "\n".join(lines[:count])
        question = "Who had most to do with the house, judging from these notes? Answer in a few sentences."
        return [
            # The first line is another one each time: nobody has anything of this to reuse.
            {"role": "system", "content": f"{lines[-1]} {SYSTEM}"},
            {"role": "user", "content": f"Notes of the household:\n{notes}\n\n{question}"},
        ]

    low, high = 0, len(lines) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if stage.raw.do("count", messages=with_lines(middle))["tokens"] <= tokens:
            low = middle
        else:
            high = middle - 1
    return with_lines(low)


def _together(stage: Stage, peer: Peer, count: int, measure: str) -> Samples:
    pick = stage.prompts.lone_chat if measure.endswith("apart") else stage.prompts.chat
    return {measure: ask_all(peer.port, [pick() for _ in range(count)], _SHORTER)}


def _raw_second_turn(stage: Stage, messages: Messages) -> Samples:
    told = stage.raw.do("second_turn", messages=messages, repeat=5)
    stage.book.notes["second_turn_new_tokens"] = told["new"]
    stage.book.notes["second_turn_known_tokens"] = told["known"]
    return {"second_turn": statistics.median(told["seconds"])}


def _second_turn(stage: Stage, peer: Peer, first: Messages) -> Samples:
    """At once, three times; then after kill -9 and start, of which only the answer is timed. The peers have to read all of it again."""
    said = ask(peer.port, first, 64).text

    def again() -> float:
        return ask(peer.port, _second(first, said, stage.prompts.short_question()), 8).first_after

    at_once = statistics.median(again() for _ in range(_BRANCHES))
    after = []
    for _ in range(_BRANCHES if isinstance(peer, Brain) else 1):
        if isinstance(peer, Brain):
            _await_saved(peer)
        peer.kill()
        peer.start()
        after.append(again())
    return {"second_turn": at_once, "second_turn_after_kill": statistics.median(after)}


def _second(first: Messages, said: str, question: str) -> Messages:
    return [*first, {"role": "assistant", "content": said}, {"role": "user", "content": question}]


def _await_saved(brain: Brain) -> None:
    """Waits until the brain says that its conversations are on the disk."""
    end = time.monotonic() + _SAVED_S
    while time.monotonic() < end:
        saved = brain.info().get("saved")
        if saved and saved["conversations"] and not saved["pending"] and not saved["unsaved"]:
            return
        time.sleep(0.2)
    raise PeerError(f"the brain did not save the conversation: {brain.info().get('saved')}")


def _memory(stage: Stage, peer: Peer) -> Samples:
    ask(peer.port, long_prompt(stage, _LONG_PROMPT), 16)
    ask_all(peer.port, [stage.prompts.chat() for _ in range(4)], 32)
    time.sleep(2)
    samples = {"resident": peer.resident() / 1e6}
    if isinstance(peer, Brain):
        info = peer.info()
        stage.book.notes["buffers"] = info.get("buffers")
        if not info.get("reported_bytes"):
            raise PeerError("the brain does not report what llama.cpp took")
        samples["reported"] = cast(int, info["reported_bytes"]) / 1e6
    return samples


def _turned(servers: list[Peer], round_: int) -> list[Peer]:
    """Another one begins each time."""
    at = round_ % len(servers) if servers else 0
    return servers[at:] + servers[:at]
