"""A mailbox of the house, as the settings have it: the first in `[mail]`, each further one in `[mail.more.NAME]`.

Owns: which mailboxes there are, what each still lacks, and by which name each is remembered.
Does not know: how mail is fetched or sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.channels._submission import Server
from agent.settings import Settings

SECTION = "mail"


@dataclass(frozen=True, kw_only=True)
class Account:
    """One mailbox."""

    name: str  # of its entry in the settings; empty: the first
    address: str  # lower-case; messages and replies name their mailbox by it
    folder: str
    imap: Server
    smtp: Server
    settings: Settings = field(repr=False)  # as this mailbox has them

    @property
    def key(self) -> str:
        """What `mail.db` remembers it by: another user or another server begins anew."""
        return f"{self.imap.user}@{self.imap.host}:{self.imap.port}"


def accounts(settings: Settings) -> list[Account]:
    """The mailboxes that lack nothing, the first one first; of two with one address only the earlier counts.

    Args:
        settings: The values in force.
    """
    found: dict[str, Account] = {}
    for name, own in entries(settings).items():
        if not missing_settings(own):
            made = _account(name, own)
            found.setdefault(made.address, made)
    return list(found.values())


def entries(settings: Settings) -> dict[str, Settings]:
    """The settings as each mailbox has them, by the entry's name, the first (an empty name) first; also of those that lack something."""
    return {"": settings} | {name: settings.entry(SECTION, name) for name in settings.further(SECTION)}


def missing_settings(settings: Settings) -> list[str]:
    """What must still be set before there is a mailbox.

    Args:
        settings: As the mailbox has them.
    """
    needed = ("mail.address", "mail.imap_host", "mail.smtp_host")
    missing = [key for key in needed if not settings.text(key).strip()]
    return missing if settings.secret("mail.password") else [*missing, "mail.password"]


def imap_server(settings: Settings) -> Server:
    """The server for receiving, as the settings have it."""
    return _server(settings, "imap")


def smtp_server(settings: Settings) -> Server:
    """The server for sending, as the settings have it."""
    return _server(settings, "smtp")


def _account(name: str, settings: Settings) -> Account:
    return Account(
        name=name,
        address=settings.text("mail.address").strip().lower(),
        folder=settings.text("mail.folder"),
        imap=imap_server(settings),
        smtp=smtp_server(settings),
        settings=settings,
    )


def _server(settings: Settings, kind: str) -> Server:
    return Server(
        host=settings.text(f"mail.{kind}_host").strip(),
        port=settings.number(f"mail.{kind}_port"),
        security=settings.text(f"mail.{kind}_security"),
        user=settings.text("mail.user").strip() or settings.text("mail.address").strip(),
        password=settings.secret("mail.password"),
        ca_file=settings.text("mail.ca_file").strip(),
    )
