"""Trying a candidate: what it is asked, beside whom it is measured, and how long it may take.

Owns: the prompts of a trial, asking the present model the same first, and a second measuring where only speed is against the candidate.
Does not know: how a model is loaded and asked (the brain does it), nor the rule of the verdict (`judging`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from agent import logs
from agent.errors import NisseError
from agent.models.catalogue import Model
from provisioning.updates import golden
from provisioning.updates.golden import Golden
from provisioning.updates.judging import PROBE_TOKENS, Question, Shown, Verdict, judge
from provisioning.updates.parts import Brain
from provisioning.updates.release import Release

_log = logging.getLogger(__name__)

_PACE_TOKENS = 64
_LOAD_S = 120.0  # a large model from a slow card
_LEAST_S = 30.0
_LOAD_TIMES = 5.0  # what loading the present model took: the candidate may be larger, and not be in the cache
_PROMPT_S = 20.0  # each, where nothing is known of how fast this box is
_TIMES = 3.0  # what the present model took, until the candidate is given up
_LONGEST_S = 1800.0
# Answers to the other questions may be a word long, which says nothing of how fast a model is; this one takes all its tokens.
_PACE = "Count from one to fifty in words, one after another, separated by commas."


def prove(
    brain: Brain, release: Release, own: Sequence[Golden], present: Model | None, *, signed: bool
) -> Verdict:
    """Tries a candidate whose files are on the shelf.

    Args:
        brain: Tries it.
        release: What it is and what it must do.
        own: This house's own questions.
        present: The model of the same role that serves now.
        signed: A publisher offers it.

    Raises:
        NisseError: It could not be tried now.
    """
    questions = _questions(release, own)
    prompts = [*_probes(release), *({"prompt": each.text, "max_tokens": each.tokens} for each in questions)]
    before = _measured(brain, present, prompts) if present else None
    verdict = _once(brain, release, questions, prompts, before, signed=signed)
    if verdict.reason != "slow_model" or present is None:
        return verdict
    # Somebody may have used the box just then: it is measured once more, both of them.
    logs.event(_log, "trial.again", release=release.seq, why=verdict.sentence)
    again = _measured(brain, present, prompts) or before
    return _once(brain, release, questions, prompts, again, signed=signed)


def _once(
    brain: Brain,
    release: Release,
    questions: Sequence[Question],
    prompts: Sequence[dict[str, Any]],
    before: Shown | None,
    *,
    signed: bool,
) -> Verdict:
    seconds = _patience(before, len(prompts))
    shown = brain.trial(release.model, prompts, seconds, release.limits.max_rss_mb)
    logs.event(
        _log,
        "trial.shown",
        release=release.seq,
        ended=shown.ended,
        why=shown.why,
        speed=round(shown.speed, 1),
    )
    return judge(release, questions, shown, before, signed=signed)


def _questions(release: Release, own: Sequence[Golden]) -> list[Question]:
    if release.role != "chat":
        return []
    found = [Question(text=golden.prompt(one), check=partial(golden.judge, one)) for one in own]
    return [*found, Question(text=_PACE, check=lambda _answer: "", tokens=_PACE_TOKENS)]


def _probes(release: Release) -> list[dict[str, Any]]:
    if release.role == "embed":
        return [{"prompt": each.prompt, "near": each.near, "far": each.far} for each in release.probes]
    return [{"prompt": each.prompt, "max_tokens": PROBE_TOKENS} for each in release.probes]


def _measured(brain: Brain, present: Model, prompts: Sequence[dict[str, Any]]) -> Shown | None:
    """What the present model shows; None where it cannot be tried, which is not the candidate's fault."""
    try:
        shown = brain.trial(present, prompts, _patience(None, len(prompts)), 0)
    except NisseError as failed:
        logs.event(_log, "trial.without_present", level=logging.WARNING, why=failed)
        return None
    return shown if shown.ended == "well" else None


def _patience(before: Shown | None, prompts: int) -> float:
    if before is None:
        return min(_LONGEST_S, _LOAD_S + _PROMPT_S * max(1, prompts))
    took = sum(float(answer.get("seconds", 0.0)) for answer in before.answers)
    return min(_LONGEST_S, _LEAST_S + _LOAD_TIMES * before.load_s + _TIMES * took)
