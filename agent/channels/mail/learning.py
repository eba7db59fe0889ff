"""Learning how the provider marks mail: the channel writes to itself once and looks at what arrives.

Owns: that one mail, recognising it, and what is learned from it, kept in `mail.db`.
Does not know: what a stamp is good for.

The mail bears a word that only this house knows, so nobody else can teach it whose stamps to trust.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from dataclasses import asdict
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime

from agent import logs
from agent.channels._submission import Submission
from agent.channels.mail.account import Account
from agent.channels.mail.journal import migrations
from agent.database import Database
from agent.errors import NisseError
from agent.letters import headers, stamp
from agent.letters.headers import Mail
from agent.letters.stamp import NOBODY, Authority
from agent.store import Store

_log = logging.getLogger(__name__)

FIELD = "X-Nisse-Trial"
_WORDS = (
    "The house wrote this mail to itself, to learn how its mail provider marks what it has checked.\n"
    "It removes the mail by itself; nobody needs to do anything.\n"
)


@migrations()
def m0101_authorities(db: Database) -> None:
    """Whose stamps are trusted."""
    db.executescript(
        """
        CREATE TABLE authorities (
            account TEXT PRIMARY KEY,
            secret TEXT NOT NULL,                     -- the word in the trial mail
            asked_at REAL NOT NULL,
            learned TEXT NOT NULL                     -- JSON; empty until the trial mail has arrived
        ) WITHOUT ROWID;
        """
    )


class Learning:
    """One account's knowledge of its provider's stamp."""

    def __init__(self, store: Store, account: Account) -> None:
        """Reads what is known.

        Args:
            store: The opened `mail.db`.
            account: Whose provider.
        """
        self._store = store
        self._account = account
        self._named = account.settings.text("mail.authserv_id").strip()

    def authority(self) -> Authority:
        """Whose stamps are trusted: as the settings say, else as was learned."""
        if self._named:
            return stamp.authority(self._named)
        learned = json.loads(self._row()[1] or "{}")
        return Authority(**{**learned, "hosts": tuple(learned.get("hosts", ()))}) if learned else NOBODY

    def ask(self) -> None:
        """Sends the trial mail, if it never went out."""
        if self._named or self._row()[0]:
            return
        secret = secrets.token_urlsafe(24)
        with self._store.transaction() as db:  # first, so that it is recognised however soon it arrives
            db.conn.execute(
                "INSERT OR REPLACE INTO authorities VALUES (?, ?, ?, '')",
                [self._account.key, secret, time.time()],
            )
        address = self._account.address
        try:
            Submission(self._account.smtp).submit(_trial(address, secret), sender=address, recipient=address)
        except NisseError as failed:
            logs.event(_log, "mail.trial_failed", level=logging.WARNING, why=failed)
            self._forget()
        else:
            logs.event(_log, "mail.trial_sent", address=address)

    def is_trial(self, mail: Mail) -> bool:
        """Whether this is the mail by which the house learns."""
        given, secret = headers.field(mail, FIELD), self._row()[0]
        return bool(secret) and secrets.compare_digest(given.encode(), secret.encode())

    def learn(self, mail: Mail) -> None:
        """Keeps what the trial mail teaches.

        Args:
            mail: Its headers, as they arrived.
        """
        learned = stamp.learned(mail)
        with self._store.transaction() as db:
            db.conn.execute(
                "UPDATE authorities SET learned = ? WHERE account = ?",
                [json.dumps(asdict(learned)), self._account.key],
            )
        name = learned.name or (stamp.EXCHANGE_ONLINE if learned.is_nameless else "nobody")
        logs.event(_log, "mail.stamp_learned", by=name, stands_below=learned.stands_below)

    def _row(self) -> tuple[str, str]:
        with self._store.reading() as db:
            row = db.conn.execute(
                "SELECT secret, learned FROM authorities WHERE account = ?", [self._account.key]
            ).fetchone()
        return (str(row["secret"]), str(row["learned"])) if row else ("", "")

    def _forget(self) -> None:
        with self._store.transaction() as db:
            db.conn.execute("DELETE FROM authorities WHERE account = ?", [self._account.key])


def _trial(address: str, secret: str) -> bytes:
    mail = EmailMessage()
    mail["From"] = mail["To"] = address
    mail["Subject"] = "The house tries its mailbox"
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = f"<trial-{secrets.token_hex(12)}@{address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail[FIELD] = secret
    mail.set_content(_WORDS)
    return mail.as_bytes(policy=SMTP)
