"""A mailbox of the house, as the settings have it: the first in `[mail]`, each further one in `[mail.more.NAME]`.

Owns: which mailboxes there are, what each still lacks, and by which name each is remembered.
Does not know: how mail is fetched or sent.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agent.channels._submission import Server
from agent.channels.mail import providers
from agent.channels.mail.oauth import AccessToken, Client
from agent.settings import Settings

if TYPE_CHECKING:  # its database is loaded for a mailbox that lacks nothing
    from agent.channels.mail.journal import Journal

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
    house: tuple[str, ...] = ()  # the addresses of all mailboxes: a mail must name one of them in To or Cc

    def entered_by(self, token: AccessToken | None) -> Account:
        """The same mailbox, entered by this token."""
        return replace(self, imap=replace(self.imap, token=token), smtp=replace(self.smtp, token=token))

    @property
    def login(self) -> str:
        """Stands for user and password or permission: where one of them changes, refusals are counted anew."""
        secrets = (self.settings.secret(key).reveal() for key in ("mail.password", "mail.oauth_permission"))
        parts = (self.imap.user, self.imap.host, self.smtp.host, self.settings.text("mail.login"), *secrets)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def aliases(self) -> tuple[str, ...]:
        """Its other addresses, as the settings name them."""
        return tuple(self.settings.text("mail.aliases").replace(",", " ").split())

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
            made = from_settings(name, own)
            found.setdefault(made.address, made)
    house = tuple(address for one in found.values() for address in (one.address, *one.aliases))
    return [replace(one, house=house) for one in found.values()]


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
    if by_permission(settings):
        client = permission_client(settings)
        missing += [] if client.client_id else ["mail.oauth_client"]
        missing += [] if client.token_url else ["mail.oauth_token_url"]
        return missing if settings.secret("mail.oauth_permission") else [*missing, "mail.oauth_permission"]
    return missing if settings.secret("mail.password") else [*missing, "mail.password"]


def by_permission(settings: Settings) -> bool:
    """Whether the mailbox is entered by a permission (OAuth 2) instead of a password."""
    return settings.text("mail.login") == "oauth2"


def permission_client(settings: Settings) -> Client:
    """The owner's registration at the provider; what the settings leave open is as the provider's preset has it.

    Args:
        settings: As the mailbox has them.
    """
    preset = (
        providers.of_address(settings.text("mail.address"))
        or providers.of_server(settings.text("mail.smtp_host"))
        or providers.of_server(settings.text("mail.imap_host"))
    )
    given = {
        name: settings.text(f"mail.oauth_{name}").strip() for name in ("token_url", "device_url", "scope")
    }
    return Client(
        client_id=settings.text("mail.oauth_client").strip(),
        secret=settings.secret("mail.oauth_secret"),
        ca_file=settings.text("mail.ca_file").strip(),
        token_url=given["token_url"] or (preset.token_url if preset else ""),
        device_url=given["device_url"] or (preset.device_url if preset else ""),
        scope=given["scope"] or (preset.scope if preset else ""),
    )


def access_token(settings: Settings, journal: Journal | None = None) -> AccessToken | None:
    """What stands in for the password, or None where there is one.

    Args:
        settings: As the mailbox has them.
        journal: Remembers a permission that the provider replaces.
    """
    if not by_permission(settings):
        return None
    return AccessToken(permission_client(settings), settings.secret("mail.oauth_permission"), journal)


def server(settings: Settings, kind: str) -> Server:
    """A server of the mailbox, entered by its password.

    Args:
        settings: As the mailbox has them.
        kind: imap or smtp.
    """
    return Server(
        host=settings.text(f"mail.{kind}_host").strip(),
        port=settings.number(f"mail.{kind}_port"),
        security=settings.text(f"mail.{kind}_security"),
        user=settings.text("mail.user").strip() or settings.text("mail.address").strip(),
        password=settings.secret("mail.password"),
        ca_file=settings.text("mail.ca_file").strip(),
    )


def from_settings(name: str, settings: Settings) -> Account:
    """The mailbox that these settings describe; they must lack nothing."""
    return Account(
        name=name,
        address=settings.text("mail.address").strip().lower(),
        folder=settings.text("mail.folder"),
        imap=server(settings, "imap"),
        smtp=server(settings, "smtp"),
        settings=settings,
    )
