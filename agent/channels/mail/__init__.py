"""The mail channel: the house has an address like anybody else, at any provider or at a server of its own.

Reading order: `account` (which mailboxes there are), `carrying` (what runs for each), `incoming` (what is new), `handover` (each mail handed in once), `sending` (each
answer once, with a receipt), `imap`, `journal`. With no account set, the process stays up and does nothing; it is started afresh when the settings change.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from agent import logs
from agent.channels._process import run_until_told
from agent.channels._submission import Submission
from agent.channels.mail.account import access_token, accounts, entries, from_settings, missing_settings
from agent.errors import SettingsError
from agent.settings import Settings

_log = logging.getLogger(__name__)

ADDRESS_KIND = "mail"

SETTINGS: list[dict[str, Any]] = [
    {
        "key": "mail.address", "repeats": True, "kind": "text", "default": "", "label": "Mail address of the house",
        "help": "The address to which the household writes; empty: no mail account.",
    },
    {
        "key": "mail.aliases", "repeats": True, "kind": "text", "default": "", "label": "Other addresses of it",
        "help": "Further addresses by which this mailbox is reached, with commas; a mail must name one of them in To or Cc.",
    },
    {
        "key": "mail.user", "repeats": True, "kind": "text", "default": "", "label": "User name",
        "help": "Login at the mail provider; empty: the address.",
    },
    {
        "key": "mail.password", "repeats": True, "kind": "secret", "default": "", "label": "Password",
        "help": "Password of the mail account; many providers give out an app password for this.",
    },
    {
        "key": "mail.login", "repeats": True, "kind": "text", "default": "password", "choices": ["password", "oauth2"],
        "label": "Kind of login", "help": "Choose oauth2 for providers that take no password from programs, such as Outlook.com.",
    },
    {
        "key": "mail.oauth_client", "repeats": True, "kind": "text", "default": "", "label": "Client id",
        "help": "For oauth2: the id of a registration of your own at the provider; the house brings none.",
    },
    {
        "key": "mail.oauth_secret", "repeats": True, "kind": "secret", "default": "", "label": "Client secret",
        "help": "For oauth2: the secret of that registration, if the provider gave one.",
    },
    {
        "key": "mail.oauth_permission", "repeats": True, "kind": "secret", "default": "", "label": "Permission",
        "help": "For oauth2: a refresh token; the button Get permission fetches one, or paste it here.",
    },
    {
        "key": "mail.oauth_token_url", "repeats": True, "kind": "text", "default": "",
        "help": "For oauth2: the provider's address for tokens; empty: as the built-in table has it.",
    },
    {
        "key": "mail.oauth_device_url", "repeats": True, "kind": "text", "default": "",
        "help": "For oauth2: the provider's address for device logins; empty: as the built-in table has it.",
    },
    {
        "key": "mail.oauth_scope", "repeats": True, "kind": "text", "default": "",
        "help": "For oauth2: what the permission is for; empty: as the built-in table has it.",
    },
    {
        "key": "mail.imap_host", "repeats": True, "kind": "text", "default": "", "label": "Server for receiving (IMAP)",
        "help": "Name of the IMAP server, such as imap.example.org.",
    },
    {
        "key": "mail.imap_port", "repeats": True, "kind": "number", "default": 993, "minimum": 1, "maximum": 65535,
        "label": "Port for receiving", "help": "Port of the IMAP server; 993 with tls, 143 with starttls.",
    },
    {
        "key": "mail.imap_security", "repeats": True, "kind": "text", "default": "tls", "choices": ["tls", "starttls"],
        "label": "Encryption for receiving", "help": "How the connection to the IMAP server is encrypted.",
    },
    {
        "key": "mail.smtp_host", "repeats": True, "kind": "text", "default": "", "label": "Server for sending (SMTP)",
        "help": "Name of the SMTP server, such as smtp.example.org.",
    },
    {
        "key": "mail.smtp_port", "repeats": True, "kind": "number", "default": 465, "minimum": 1, "maximum": 65535,
        "label": "Port for sending", "help": "Port of the SMTP server; 465 with tls, 587 with starttls.",
    },
    {
        "key": "mail.smtp_security", "repeats": True, "kind": "text", "default": "tls", "choices": ["tls", "starttls"],
        "label": "Encryption for sending", "help": "How the connection to the SMTP server is encrypted.",
    },
    {
        "key": "mail.folder", "repeats": True, "kind": "text", "default": "INBOX",
        "help": "The folder that is read.",
    },
    {
        "key": "mail.ca_file", "repeats": True, "kind": "text", "default": "",
        "help": "Certificate file of a private server's own authority; empty for public servers.",
    },
    {
        "key": "mail.authserv_id", "repeats": True, "kind": "text", "default": "",
        "help": "By which name the provider marks what it has checked (Authentication-Results); empty: learned by a mail of the "
        "house to itself; exchange-online: it bears no name; none: not trusted.",
    },
    {
        "key": "mail.sealers", "kind": "text", "default": "",
        "help": "Domains of forwarders whose word about a mail's sender is trusted (ARC), separated by commas.",
    },
    {
        "key": "mail.nameserver", "kind": "text", "default": "",
        "help": "Name server that is asked for the keys of those who sign mail, such as 192.168.0.1; empty: the system's.",
    },
    {
        "key": "mail.poll", "kind": "number", "default": 60, "minimum": 15, "maximum": 3600, "unit": "seconds",
        "help": "How often the folder is looked at even if the server announces nothing.",
    },
    {
        "key": "mail.grace", "kind": "number", "default": 60, "minimum": 1, "maximum": 3600, "unit": "seconds",
        "help": "How long, after a crash, the receipt of an answer is waited for before the answer is sent again.",
    },
    {
        "key": "mail.retry", "kind": "number", "default": 300, "minimum": 1, "maximum": 3600, "unit": "seconds",
        "help": "How long after a server's 'not now' an answer is sent again; each further try waits twice as long.",
    },
]  # fmt: skip


class Channel:
    """Carries mail both ways, for each account."""

    def __init__(self, settings: Settings) -> None:
        """Keeps the settings; nothing is opened yet."""
        self._settings = settings

    def run(self) -> None:
        """Receives and sends until SIGTERM; without an account it waits for one."""
        for name, own in entries(self._settings).items():
            missing = missing_settings(own)
            if missing:
                is_fresh = not own.text("mail.address")
                why = "there is no mail account" if is_fresh else f"{', '.join(missing)} is missing"
                logs.event(_log, "mail.idle", entry=name, why=why)
        run_until_told(*self._loops())

    def _loops(self) -> list[Callable[[], None]]:
        found = accounts(self._settings)
        if not found:
            return []
        from agent.channels.mail import carrying  # noqa: PLC0415 - a house without a mailbox needs nothing of it

        return carrying.loops(self._settings, found)


def check(settings: Settings) -> str:
    """Logs in for receiving and for sending.

    Args:
        settings: As the mailbox in question has them.

    Raises:
        SettingsError: Something is missing.
        AuthenticationError: A server refuses user or password.
        UnreachableError: A server does not answer, or does not prove who it is.
    """
    missing = missing_settings(settings)
    if missing:
        raise SettingsError(f"Still missing: {', '.join(missing)}.", hint="Fill it in and try again.")
    tried = from_settings("", settings)
    tried = tried.entered_by(access_token(settings))
    from agent.channels.mail.imap import Imap  # noqa: PLC0415 - a house without a mailbox needs nothing of it

    with Imap(tried.imap) as box:
        count = box.open(tried.folder).count
    Submission(tried.smtp).check()
    address = settings.text("mail.address")
    return f"It works: {address} can receive and send. {count} mails lie there already; those are left alone."
