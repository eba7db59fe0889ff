"""Whether a message is answered at all.

Owns: the one decision that stands before everything else; the default is silence.
Does not know: databases, channels or the clock. Channels state facts (who, how sure, what a machine seems to have written); here
they are judged. Pure.
"""

from __future__ import annotations

from agent.conversation import capability
from agent.conversation.limits import Excess
from agent.message import ASSERTED, Message, Person, Refusal

STRANGER = "nobody the house knows"


def refusal(
    message: Message, person: Person | None, *, excess: Excess | None = None, silenced: str = ""
) -> Refusal | None:
    """Why this message gets no answer; None if it is to be answered. Of several rules the lowest is told.

    Args:
        message: What came in.
        person: Whose address the sender's is, or None for a stranger.
        excess: Why it is one too many, if it is (see `limits`).
        silenced: Why nothing is written to this address any more, if so.
    """
    found = [Refusal(message.rule, _in_words(message))] if message.automatic else []
    if message.rule != "E25" and not capability.reaches(message.level, ASSERTED):
        because = f" ({message.evidence})" if message.evidence else ""
        found.append(Refusal("E17", f"it is not proven that the sender wrote it{because}"))
    if message.rule != "E25" and person is None:
        found.append(Refusal("E17", STRANGER))
    if excess:
        found.append(Refusal("E18", excess.why))
    if silenced:
        found.append(Refusal("E57", silenced))
    if found:
        return min(found, key=lambda one: number(one.rule))
    if not (message.text.strip() or message.subject.strip() or message.attachments or message.problem):
        return Refusal("E6", "it was empty")
    return None


def _in_words(message: Message) -> str:
    by_machine = number(message.rule) <= number("E14")
    return f"written by a machine or a list ({message.automatic})" if by_machine else message.automatic


def number(rule: str) -> int:
    """A rule's number, by which rules are ordered; one without a number comes first."""
    digits = rule.removeprefix("E")
    return int(digits) if digits.isdigit() else 0
