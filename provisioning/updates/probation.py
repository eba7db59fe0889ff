"""Watching over a set that serves on probation. Pure.

Owns: what counts against it, what counts for it, and when it has proven itself.
Does not know: how the brain is asked, nor what follows (`states`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from provisioning.updates.states import Watch

HOURS = 24.0
ANSWERS = 20
MOST_CRASHES = 2
MOST_FAILURES = 2  # of probes, one after another
MOST_COMPLAINTS = 3
PROBE_S = 3600.0
SERVES_WITHIN_S = 90.0  # of the switch, and of every look at which it did not


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the brain says of itself at one look."""

    model: str  # that answers; empty: none does
    wanted: str  # that should
    loading: bool
    elsewhere: bool  # a server of the owner's answers in its place
    answered: int
    process: str
    crashes: Mapping[str, int]

    @classmethod
    def read(cls, info: Mapping[str, Any]) -> Self:
        """From `/info`."""
        wanted = info.get("wanted") or {}
        return cls(
            model=str(info.get("model") or ""),
            wanted=str(wanted.get("name", "")),
            loading=bool(info.get("loading")),
            elsewhere=info.get("answers") == "remote",
            answered=int(info.get("answered", 0)),
            process=str(info.get("process", "")),
            crashes={str(name): int(count) for name, count in (info.get("crashes") or {}).items()},
        )


def begun(seen: Seen | None, model: str, now: float) -> Watch:
    """The watch at the moment of the switch."""
    crashes = seen.crashes.get(model, 0) if seen else 0
    return Watch(
        since=now,
        counted=seen.answered if seen else 0,
        process=seen.process if seen else "",
        crashes_before=crashes,
    )


def looked(watch: Watch, seen: Seen, model: str, seconds: float) -> Watch:
    """The watch after a look.

    Args:
        watch: Before it.
        seen: What was seen.
        model: The chat model of the set on probation.
        seconds: Since the look before, in which it served.
    """
    if not serves(seen, model):
        return dataclasses.replace(watch, process=seen.process, counted=seen.answered)
    fresh = seen.answered - watch.counted if seen.process == watch.process else seen.answered
    crashes = seen.crashes.get(model, 0)
    before = min(watch.crashes_before, crashes)  # a new start of the machine counts from nothing
    return dataclasses.replace(
        watch,
        process=seen.process,
        counted=seen.answered,
        answered=watch.answered + max(0, fresh),
        crashes=max(watch.crashes, crashes - before),
        crashes_before=before,
        served=watch.served + max(0.0, seconds),
    )


def serves(seen: Seen, model: str) -> bool:
    """Whether the set on probation serves; where a server of the owner's answers, whether it would."""
    return (seen.wanted if seen.elsewhere else seen.model) == model


def against(watch: Watch, seen: Seen | None, model: str, absent: float) -> str:
    """What is against the set: the name of a reason, or nothing.

    Args:
        watch: What was seen so far.
        seen: What was seen last; None: the brain does not answer.
        model: The chat model of the set; empty: it has none of its own.
        absent: Seconds for which it has not served.
    """
    crashes = max(watch.crashes, seen.crashes.get(model, 0) - watch.crashes_before if seen else 0)
    if crashes >= MOST_CRASHES:
        return "unstable"
    if watch.failures >= MOST_FAILURES:
        return "wrong_answer"
    if watch.complaints >= MOST_COMPLAINTS:
        return "complaints"
    return "not_serving" if absent > SERVES_WITHIN_S else ""


def proven(watch: Watch) -> bool:
    """Whether it has served long enough, or answered often enough."""
    return watch.served >= HOURS * 3600 or watch.answered >= ANSWERS
