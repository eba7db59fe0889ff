"""Whether a message is answered at all.

Owns: the one decision that stands before everything else; the default is silence.
Does not know: databases, channels or the clock. Channels state facts (who, and what a machine seems to have written); here they
are judged.
"""

from __future__ import annotations

from agent.message import Message, Person


def refusal(message: Message, person: Person | None) -> str:
    """Why this message gets no answer, in words for the owner's journal; empty if it is to be answered.

    Args:
        message: What came in.
        person: Whose address the sender's is, or None for a stranger.
    """
    if person is None:
        return "nobody the house knows"
    if message.automatic:
        return f"written by a machine ({message.automatic})"
    if not (message.text.strip() or message.subject.strip() or message.attachments or message.problem):
        return "it was empty"
    return ""
