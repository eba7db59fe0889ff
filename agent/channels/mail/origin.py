"""Who wrote the mails of one account: what `letters.identity` needs of the world around it.

Owns: the resolver, whose stamp and whose seal the owner trusts, and putting an identity into a message.
Does not know: which mails there are.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from agent import logs
from agent.addresses import a_label
from agent.channels.mail.account import Account
from agent.channels.mail.learning import Learning
from agent.channels.mail.resolver import Resolver
from agent.letters import headers, identity, reading
from agent.message import Message

_log = logging.getLogger(__name__)


class Origin:
    """Says of one account's mails who wrote them."""

    def __init__(self, account: Account, learning: Learning) -> None:
        """Puts the parts together.

        Args:
            account: Whose mails they are.
            learning: Knows whose stamp is trusted.

        Raises:
            SettingsError: The name server of the settings is none.
        """
        self._learning = learning
        self._resolver = Resolver(account.settings.text("mail.nameserver"))
        domains = (a_label(word) for word in account.settings.text("mail.sealers").replace(",", " ").split())
        self._sealers = frozenset(domain for domain in domains if domain)

    def of_head(self, message: Message, head: bytes) -> Message:
        """The message of a stranger's mail with what its headers alone say; nobody is asked.

        Args:
            message: As it was read.
            head: The mail's headers.
        """
        return self._with(
            message,
            identity.identify(
                head,
                arrived_at=message.received_at,
                authority=self._learning.authority(),
                is_whole=False,
            ),
            head,
        )

    def of_mail(self, message: Message, mail: bytes, *, is_whole: bool, is_last_try: bool) -> Message:
        """The message with who wrote it and how sure that is.

        Args:
            message: As it was read.
            mail: The mail, or its beginning.
            is_whole: Whether it is the whole.
            is_last_try: Whether it is taken as it is if no name server answers.

        Raises:
            NoAnswerError: No name server answers; take the mail again later.
        """
        return self._with(
            message,
            identity.identify(
                mail,
                arrived_at=message.received_at,
                records=self._resolver,
                authority=self._learning.authority(),
                sealers=self._sealers,
                is_whole=is_whole,
                is_last_try=is_last_try,
            ),
            mail,
        )

    def _with(self, message: Message, found: identity.Identity, mail: bytes) -> Message:
        logs.event(_log, "mail.identified", id=message.id, sure=found.level, why=found.why)
        return replace(
            message,
            sender=found.sender or message.sender,
            level=found.level,
            evidence=found.why,
            written_at=found.written_at,
            answer_to=reading.answer_to(headers.parse(mail), sender=found.sender, level=found.level),
        )
