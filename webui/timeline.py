"""What became of a message, in sentences.

Owns: the words for each state, each step and each degree of certainty.
Does not know: HTTP or pages; conversation tells the facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.message import ASSERTED, VERIFIED

_WAITS = {
    "received": "Waits for its answer",
    "claimed": "Is being answered",
    "answered": "Answered",
}
_ON_ITS_WAY = {
    "answered": "The answer waits to be sent",
    "sending": "The answer is on its way",
    "sent": "Answered",
}
_STEPS = {
    "message.received": "Came in",
    "message.refused": "Not answered",
    "message.admitted": "Somebody of the house had it answered after all",
    "message.noted": "The sender is told that the answer takes a while",
    "message.answered": "The answer was written",
    "reply.sending": "The answer was handed to the mail server",
    "reply.sent": "The mail server took it for delivery",
    "reply.postponed": "The mail server did not take it; it is tried again",
    "reply.failed": "The answer could not be delivered",
    "reply.delayed": "A mail server on the way is still trying to deliver it",
    "reply.returned": "The answer came back",
    "note.sent": "That note went out",
    "note.failed": "That note could not be delivered",
}
_SILENT = ("note.sending", "note.postponed")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One line of the timeline."""

    at: float
    words: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A message as its page shows it."""

    id: str
    title: str
    sender: str
    account: str
    at: float
    state: str  # in a sentence
    is_bad: bool  # something to look at
    sureness: str  # who wrote it, and how sure that is
    rule: str
    can_be_answered: bool
    steps: list[Step] = field(default_factory=list)


def shown(row: Mapping[str, Any], viewer: str) -> Shown:
    """A message as the timeline shows it.

    Args:
        row: What conversation tells of it.
        viewer: Id of the person who looks.
    """
    sender = str(row["name"] or row["sender"])
    private = row["person"] not in (None, viewer)
    title = str(row["subject"]) or ("A mail" if private else "(no subject)")
    if row["rule"] == "announcement":
        title = f"To {sender}: {row['subject'] or 'what owners are told'}"
    elif row["is_notice"]:
        title = f"A notice to {sender}: one mail too many"
    bad = bool(row["returned"]) or row["state"] == "refused" or (row["answer"] or {}).get("state") == "failed"
    return Shown(
        id=str(row["id"]),
        title=title,
        sender=sender,
        account=str(row["account"]),
        at=float(row["received_at"]),
        state=_state(row),
        is_bad=bad,
        sureness=""
        if row["is_notice"]
        else sureness(str(row["level"]), str(row["evidence"]), str(row["sender"])),
        rule=str(row["rule"]),
        can_be_answered=bool(row["held"]),
        steps=_steps(row),
    )


def sureness(level: str, evidence: str, sender: str) -> str:
    """Who wrote a message and how sure that is, in a sentence.

    Args:
        level: As the channel stated it.
        evidence: By what, in words; may be empty.
        sender: The address.
    """
    if level == VERIFIED:
        return f"Proven to be from {sender}" + (f": {evidence}." if evidence else ".")
    if level == ASSERTED:
        return f"A server that the house trusts says that it is from {sender}" + (
            f": {evidence}." if evidence else "."
        )
    return f"It says that it is from {sender}; nothing proves it" + (f": {evidence}." if evidence else ".")


def _state(row: Mapping[str, Any]) -> str:
    if row["returned"]:
        return f"The answer came back: {row['returned']['said'] or 'no reason was given'}"
    if row["state"] == "refused":
        return f"Not answered: {row['reason']}"
    answer = row["answer"]
    if not answer:
        return _WAITS.get(row["state"], str(row["state"]))
    if answer["state"] == "failed":
        return f"The answer could not be delivered: {answer['reason']}"
    words = _ON_ITS_WAY.get(answer["state"], str(answer["state"]))
    return f"{words} ({answer['reason']})" if answer["state"] == "answered" and answer["reason"] else words


def _steps(row: Mapping[str, Any]) -> list[Step]:
    told = [
        Step(at=float(step["at"]), words=_STEPS.get(step["kind"], str(step["kind"])), detail=_detail(step))
        for step in row["steps"]
        if step["kind"] not in _SILENT
    ]
    if told:
        return told
    # The journal keeps its newest lines only; of older messages this much is always known.
    known = [Step(at=float(row["received_at"]), words=_STEPS["message.received"])]
    if row["answer"]:
        known.append(Step(at=float(row["answer"]["at"]), words=_STEPS["message.answered"]))
    if row["returned"]:
        known.append(
            Step(
                at=float(row["returned"]["at"]),
                words=_STEPS["reply.returned"],
                detail=row["returned"]["said"],
            )
        )
    return known


def _detail(step: Mapping[str, Any]) -> str:
    if step["kind"] in ("message.answered", "message.noted"):
        return ""
    return f"by {step['detail']}" if step["kind"] == "message.received" else str(step["detail"])
