"""Answers on their way out by mail, each with a receipt.

Owns: composing and submitting a reply, and telling after a crash whether an earlier try went out.
Does not know: when to try again; `_outgoing` does.

The receipt: the own address is a second envelope recipient of the same SMTP transaction. The server takes the mail for both or for
neither, so the copy in the own mailbox proves that the answer went out. `incoming` moves it to the folder for sent mails.
"""

from __future__ import annotations

import logging
import time

from agent import logs
from agent.channels._submission import Submission
from agent.channels.mail.account import Account
from agent.channels.mail.imap import Imap
from agent.channels.mail.incoming import Incoming
from agent.channels.mail.journal import Journal
from agent.errors import AuthenticationError, NisseError, UnavailableError
from agent.letters import composing
from agent.message import Reply

_log = logging.getLogger(__name__)


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
        self._begun: set[str] = set()  # noted in the mailbox as begun, by this process
        self._uncopied: dict[str, bytes] = {}  # went out for certain, but the own address was refused

    def carry(self, reply: Reply) -> bool:
        """Submits the reply (see `Carrier`)."""
        self._refuse_anothers(reply)
        mail = composing.compose(reply, sender=self._address, name=self._name)
        self._asked_since.pop(reply.id, None)
        recipient = composing.recipient(reply)
        with Imap(self._imap) as box:
            if self._is_copied(box, reply):
                return True
            if not self._is_first(box, reply):
                return False  # whoever began it may have sent it: asked again until `grace` is over
        handed = self._submission.submit(
            mail, sender=self._address, recipient=recipient, copy_to=self._address
        )
        if handed.certain and not handed.copied:
            self._uncopied[reply.id] = mail
        return handed.certain

    def was_carried(self, reply: Reply) -> bool | None:
        """Whether the receipt of an earlier try is there; None while it may still be under way (see `Carrier`)."""
        since = self._asked_since.setdefault(reply.id, time.monotonic())
        try:
            with Imap(self._imap) as box:
                found = self._is_copied(box, reply)
        except AuthenticationError:
            raise
        except NisseError:
            return None
        if found:
            self._asked_since.pop(reply.id, None)
            return True
        return None if time.monotonic() - since < self._grace else False

    def settle(self, reply: Reply) -> None:
        """Has the mail that was answered marked so, and a copy in the folder for sent mails (see `Carrier`)."""
        self._begun.discard(reply.id)
        self._keep_copy(reply)
        if reply.is_note:
            return
        envelope = reply.envelope
        if envelope.get("folder") == self._folder and envelope.get("uid", "").isdigit():
            self._journal.mark_later(self._folder, int(envelope.get("validity", "0")), int(envelope["uid"]))
            self._incoming.wake.set()

    def _is_copied(self, box: Imap, reply: Reply) -> bool:
        """Whether the mailbox holds a copy. Asked before a first try, too: a house that was put back from a backup has forgotten
        what it sent since, and two houses made of one backup read the same mailbox; their answers have the same id."""
        message_id = composing.message_id(reply, self._address)
        # In this order: a receipt moves from the first to the second.
        return bool(box.holds(self._folder, message_id) or box.holds(box.sent_folder(), message_id))

    def _is_first(self, box: Imap, reply: Reply) -> bool:
        """Whether no other house has begun to answer this mail. What this one had begun before a crash is past that question."""
        envelope = reply.envelope
        known = envelope.get("folder") == self._folder and envelope.get("uid", "").isdigit()
        if reply.is_note or not known or reply.state == "sending" or reply.id in self._begun:
            return True
        if not box.claim(self._folder, int(envelope.get("validity", "0")), int(envelope["uid"])):
            return False
        self._begun.add(reply.id)
        return True

    def _keep_copy(self, reply: Reply) -> None:
        mail = self._uncopied.pop(reply.id, None)
        if mail is None:
            return
        try:
            with Imap(self._imap) as box:
                box.keep_copy(box.sent_folder(), mail, composing.message_id(reply, self._address))
        except NisseError as why:  # the answer went out; a copy is not worth a second one
            logs.event(_log, "reply.not_copied", level=logging.WARNING, id=reply.id, why=why)

    def _refuse_anothers(self, reply: Reply) -> None:
        """An answer goes out from the address that was written to, or not at all."""
        account = reply.envelope.get("account", "")
        if account not in ("", self._address):
            raise UnavailableError(
                f"The mailbox {account} is not set up any more.", hint="Add it again on the page Mail."
            )
