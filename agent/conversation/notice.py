"""What somebody is told whose mail is one too many.

Owns: the words, and that the notice is a message of its own, so that it is sent exactly once like any other answer.
Does not know: when it is sent (`inbox`), nor the limits. Pure.
"""

from __future__ import annotations

import time

from agent.conversation.limits import Excess
from agent.message import Message

EVERY_S = 3 * 24 * 3600.0  # RFC 3834 asks for days between two of the same kind to the same person
_LONGEST_SUBJECT = 100  # characters of it that are repeated


def notice(message: Message, excess: Excess) -> Message:
    """The notice as a message whose answer is ready: its problem is what the worker sends.

    Args:
        message: The mail that is not answered.
        excess: Why.
    """
    return Message(
        channel=message.channel,
        native_id=f"notice:{message.native_id}",
        sender=message.sender,
        address_kind=message.address_kind,
        subject=message.subject,
        text="",
        thread=f"notice:{message.sender}",
        received_at=message.received_at,
        level=message.level,
        problem=_words(message, excess),
        # Without the mail's own place in its mailbox: a notice does not make it an answered one.
        envelope={name: value for name, value in message.envelope.items() if name != "uid"},
    )


def _words(message: Message, excess: Excess) -> str:
    subject = message.subject.strip()[:_LONGEST_SUBJECT]
    named = f"your mail “{subject}”" if subject else "your last mail"
    until = time.localtime(excess.until)
    return (
        f"I have not answered {named}: {excess.why}. I stop there, so that no two machines can write to each other for ever.\n\n"
        f"Mails that you send after {time.strftime('%H:%M', until)} on {time.strftime('%A, %d %B', until)} are answered again. "
        "This one waits for you on the page Messages of the house's portal: there you can have it answered after all.\n\n"
        "I tell you this at most once in three days, however many mails come."
    )
