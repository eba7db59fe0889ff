"""Answers on their way out by mail, each with a receipt.

Owns: composing and submitting a reply, and telling after a crash whether an earlier try went out.
Does not know: when to try again; `_outgoing` does.

The receipt: the own address is a second envelope recipient of the same SMTP transaction. The server takes the mail for both or for
neither, so the copy in the own mailbox proves that the answer went out. `incoming` moves it to the folder for sent mails.
"""

from __future__ import annotations

import time

from agent.channels._submission import Submission
from agent.channels.mail.account import Account
from agent.channels.mail.imap import Imap
from agent.channels.mail.incoming import Incoming
from agent.channels.mail.journal import Journal
from agent.errors import AuthenticationError, NisseError, UnavailableError
from agent.letters import composing
from agent.message import Reply


class Answers:
    """Carries replies by one mail account."""

    def __init__(
        self,
        journal: Journal,
        incoming: Incoming,
        account: Account,
        *,
        name: str,
        grace: float,
    ) -> None:
        """Puts the parts together.

        Args:
            journal: Where is noted what is to be marked as answered.
            incoming: Marks it.
            account: Which one.
            name: What the box is called.
            grace: Seconds that a receipt may take to arrive.
        """
        self._journal = journal
        self._incoming = incoming
        self._submission = Submission(account.smtp)
        self._imap = account.imap
        self._address = account.address
        self._name = name
        self._folder = account.folder
        self._grace = grace
        self._asked_since: dict[str, float] = {}

    def carry(self, reply: Reply) -> bool:
        """Submits the reply (see `Carrier`)."""
        self._refuse_anothers(reply)
        mail = composing.compose(reply, sender=self._address, name=self._name)
        self._asked_since.pop(reply.id, None)
        recipient = composing.recipient(reply)
        return self._submission.submit(mail, sender=self._address, recipient=recipient, copy_to=self._address)

    def was_carried(self, reply: Reply) -> bool | None:
        """Whether the receipt of an earlier try is there; None while it may still be under way (see `Carrier`)."""
        since = self._asked_since.setdefault(reply.id, time.monotonic())
        message_id = composing.message_id(reply, self._address)
        try:
            with Imap(self._imap) as box:
                # In this order: a receipt moves from the first to the second.
                found = box.holds(self._folder, message_id) or box.holds(box.sent_folder(), message_id)
        except AuthenticationError:
            raise
        except NisseError:
            return None
        if found:
            self._asked_since.pop(reply.id, None)
            return True
        return None if time.monotonic() - since < self._grace else False

    def settle(self, reply: Reply) -> None:
        """Has the mail that was answered marked so (see `Carrier`)."""
        if reply.is_note:
            return
        envelope = reply.envelope
        if envelope.get("folder") == self._folder and envelope.get("uid", "").isdigit():
            self._journal.mark_later(self._folder, int(envelope.get("validity", "0")), int(envelope["uid"]))
            self._incoming.wake.set()

    def _refuse_anothers(self, reply: Reply) -> None:
        """An answer goes out from the address that was written to, or not at all."""
        account = reply.envelope.get("account", "")
        if account not in ("", self._address):
            raise UnavailableError(
                f"The mailbox {account} is not set up any more.", hint="Add it again on the page Mail."
            )
