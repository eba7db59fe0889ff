"""Whether a candidate did well in its trial. Pure.

Owns: the rule: it loads, stays within its memory, answers what its publisher and this house ask of it, and is fast enough beside the
model that serves now.
Does not know: how anything was measured (the brain did), nor what follows from the verdict (`states`).

What the present model cannot answer either is not asked of the candidate: a house's own questions must not forbid every update.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from provisioning.updates.refusals import SENTENCES
from provisioning.updates.release import Limits, Probe, Release

PROBE_TOKENS = 48  # that an answer to a publisher's question may have
LEAST_SPEED = 0.5  # of the present model's, where the publisher promises nothing
_FORETOLD_TIMES, _FORETOLD_MORE = (
    1.5,
    300,
)  # what a model takes beyond what its header foretells: times, and megabytes
_LONGEST_SEARCHED = 10_000  # characters of an answer that a pattern is tried on
_LENGTH_OFF = 0.01  # of a vector, whose length must be 1
_SHOWN = 80  # characters of a question in a sentence


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a model showed in a trial, as the brain tells it."""

    ended: str
    why: str = ""
    peak: int = 0  # megabytes
    foretold: int = 0  # megabytes; 0: nothing
    dimensions: int = 0
    load_s: float = 0.0
    answers: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """From the brain's JSON."""
        return cls(
            ended=str(row["ended"]),
            why=str(row.get("why", "")),
            peak=int(row.get("peak", 0)),
            foretold=int(row.get("foretold", 0)),
            dimensions=int(row.get("dimensions", 0)),
            load_s=float(row.get("load_s", 0.0)),
            answers=tuple(dict(answer) for answer in row.get("answers", ())),
        )

    @property
    def speed(self) -> float:
        """Tokens a second once the first is there, or texts a second; 0: it said too little to tell."""
        times = [(_number(each, "tokens"), _number(each, "going_on_s")) for each in self.answers]
        counted = [(tokens - 1, seconds) for tokens, seconds in times if tokens > 1 and seconds > 0]
        if not counted:
            counted = [(_number(each, "tokens"), _number(each, "seconds")) for each in self.answers]
        seconds = sum(each for _, each in counted)
        return sum(tokens for tokens, _ in counted) / seconds if seconds > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How it did."""

    reason: str = ""  # empty: well
    sentence: str = ""

    @property
    def good(self) -> bool:
        """Whether it did well."""
        return not self.reason


@dataclass(frozen=True, kw_only=True)
class Question:
    """One of this house's own."""

    text: str
    check: Callable[[str], str]  # an answer; what is wrong with it, or nothing
    tokens: int = 160  # that the answer may have


def judge(
    release: Release, own: Sequence[Question], candidate: Shown, present: Shown | None, *, signed: bool
) -> Verdict:
    """The verdict on a candidate.

    Args:
        release: What it is, what it must answer, and what was promised of it.
        own: This house's own questions; asked after those of the release.
        candidate: What it showed.
        present: What the model that serves now showed, asked the same; None: there is none.
        signed: A publisher offers it; else the owner brought it, and decides alone how slow it may be.
    """
    if candidate.ended != "well":
        return _not_well(candidate)
    if len(candidate.answers) != len(release.probes) + len(own):
        return _bad("crashed", "It did not answer everything that it was asked.")
    checks: tuple[Callable[[], Verdict], ...] = (
        lambda: _memory(release.limits, candidate),
        lambda: _signed_probes(release, candidate),
        lambda: _own_questions(release, own, candidate, present),
        lambda: _speed(release, candidate, present, signed=signed),
    )
    verdicts = (check() for check in checks)
    return next((verdict for verdict in verdicts if not verdict.good), Verdict())


def answers(probe: Probe, text: str) -> bool:
    """Whether an answer is what a probe of a chat model demands."""
    return _is_text(text) and all(
        re.search(pattern, text[:_LONGEST_SEARCHED], re.IGNORECASE) for pattern in probe.must_match
    )


def _not_well(candidate: Shown) -> Verdict:
    reasons = {"does_not_load": "does_not_load", "too_much_memory": "memory_hungry", "hung": "hung"}
    reason = reasons.get(candidate.ended, "crashed")
    # A library's last words are for the log, which has them; they tell an owner nothing.
    return _bad(reason, candidate.why if reason in ("memory_hungry", "hung") else "")


def _memory(limits: Limits, candidate: Shown) -> Verdict:
    if limits.max_rss_mb and candidate.peak > limits.max_rss_mb:
        return _bad("memory_hungry", f"It took {candidate.peak} MB; {limits.max_rss_mb} were promised.")
    most = _FORETOLD_TIMES * candidate.foretold + _FORETOLD_MORE
    if candidate.foretold and candidate.peak > most:
        return _bad(
            "memory_hungry", f"It took {candidate.peak} MB, and its file foretells {candidate.foretold}."
        )
    return Verdict()


def _signed_probes(release: Release, candidate: Shown) -> Verdict:
    limits = release.limits
    if release.role == "embed":
        if limits.embed_dim and candidate.dimensions != limits.embed_dim:
            return _bad("wrong_dimensions", f"They have {candidate.dimensions} numbers.")
        wrong = (answer for answer in candidate.answers if not _is_near(answer))
        return _bad("poor_vectors") if any(True for _ in wrong) else Verdict()
    for probe, answer in zip(release.probes, candidate.answers, strict=False):
        if not answers(probe, str(answer.get("text", ""))):
            return _bad("wrong_answer", f"It was asked: {_short(probe.prompt)}")
        waited = _number(answer, "first_token_s")
        if limits.max_first_token_s and waited > limits.max_first_token_s:
            return _bad("slow_model", f"Its first word came after {waited:.1f} s.")
    return Verdict()


def _own_questions(
    release: Release, own: Sequence[Question], candidate: Shown, present: Shown | None
) -> Verdict:
    begin = len(release.probes)
    for number, question in enumerate(own, begin):
        text = str(candidate.answers[number].get("text", ""))
        wrong = "" if _is_text(text) else "It gave no answer in words."
        wrong = wrong or question.check(text)
        if wrong and (present is None or _knows(present, number, question)):
            return _bad("golden", f"The question was: {_short(question.text)} {wrong}")
    return Verdict()


def _knows(present: Shown, number: int, question: Question) -> bool:
    if number >= len(present.answers):
        return False
    text = str(present.answers[number].get("text", ""))
    return _is_text(text) and not question.check(text)


def _speed(release: Release, candidate: Shown, present: Shown | None, *, signed: bool) -> Verdict:
    least = release.limits.minimum_speed or (LEAST_SPEED if signed else 0.0)
    if present is None or not present.speed or not least or candidate.speed >= least * present.speed:
        return Verdict()
    return _bad(
        "slow_model",
        f"It reaches {candidate.speed:.1f} tokens a second; the present one {present.speed:.1f}.",
    )


def _is_near(answer: Mapping[str, Any]) -> bool:
    near, far, length = (_number(answer, name) for name in ("near", "far", "length"))
    return all(map(math.isfinite, (near, far, length))) and abs(length - 1) < _LENGTH_OFF and near > far


def _is_text(text: str) -> bool:
    """Whether it is words at all, and not one of them for ever."""
    said = text.strip()
    if not any(sign.isalnum() for sign in said):
        return False
    readable = sum(sign.isprintable() or sign.isspace() for sign in said)
    return readable >= 0.9 * len(said) and "\ufffd\ufffd" not in said


def _bad(reason: str, detail: str = "") -> Verdict:
    return Verdict(reason=reason, sentence=f"{SENTENCES[reason]} {detail}".strip())


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."


def _number(row: Mapping[str, Any], name: str) -> float:
    value = row.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else math.nan
