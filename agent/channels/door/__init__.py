"""The mail door: the house takes mail itself, from programs on the box or, if the owner opens it, in the home's network.

No provider and no internet are needed: whoever is known writes to `nisse@localhost`, and the answer lies in a Maildir (the portal
shows it on the page Letters), or goes out by a relay that the owner named. The door never passes a mail on.

Reading order: `reception` (what is said at the door), `throttle`, `listening`, `delivery`, `maildir`, `certificate`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import smtplib
from typing import Any

from agent import logs
from agent.channels import _life
from agent.channels._house import House
from agent.channels._outgoing import Outgoing
from agent.channels._process import run_until_told
from agent.channels.door.delivery import carrier
from agent.channels.door.listening import Sessions, place
from agent.errors import SettingsError, UnreachableError
from agent.settings import Settings

_log = logging.getLogger(__name__)

ADDRESS_KIND = "mail"

SETTINGS: list[dict[str, Any]] = [
    {
        "key": "door.listen", "kind": "text", "default": "127.0.0.1:8025", "label": "Address of the mail door",
        "help": "Address and port at which the house takes mail itself; beyond this machine only encrypted and after a login.",
    },
    {
        "key": "door.hourly", "kind": "number", "default": 120, "minimum": 1, "maximum": 100000, "unit": "mails an hour",
        "help": "How many mails one sender may bring to the door.",
    },
    {
        "key": "door.maildir", "kind": "text", "default": "",
        "help": "Folder into which the door lays its answers; empty: door/Maildir in NISSE_HOME.",
    },
    {
        "key": "door.relay_host", "kind": "text", "default": "",
        "help": "Mail server that delivers the door's answers; empty: they go into the Maildir.",
    },
    {
        "key": "door.relay_port", "kind": "number", "default": 465, "minimum": 1, "maximum": 65535,
        "help": "Port of that mail server; 465 with tls, 587 with starttls.",
    },
    {
        "key": "door.relay_security", "kind": "text", "default": "tls", "choices": ["tls", "starttls"],
        "help": "How the connection to that mail server is encrypted.",
    },
    {
        "key": "door.relay_user", "kind": "text", "default": "",
        "help": "Login at that mail server; its answers go out from this address.",
    },
    {
        "key": "door.relay_password", "kind": "secret", "default": "",
        "help": "Password at that mail server.",
    },
    {
        "key": "door.relay_ca_file", "kind": "text", "default": "",
        "help": "Certificate file of that server's own authority; empty for public servers.",
    },
    {
        "key": "door.retry", "kind": "number", "default": 60, "minimum": 1, "maximum": 3600, "unit": "seconds",
        "help": "How long after a failure an answer is delivered again; each further try waits twice as long.",
    },
]  # fmt: skip


class Channel:
    """Takes mail at the door and delivers the answers."""

    def __init__(self, settings: Settings) -> None:
        """Keeps the settings; nothing is opened yet."""
        self._settings = settings
        self._house = House(settings, "door")

    def run(self) -> None:
        """Stands open until SIGTERM.

        Raises:
            SettingsError: The address cannot be listened at.
        """
        outgoing = Outgoing(self._house, carrier(self._settings), retry=self._settings.number("door.retry"))
        run_until_told(self._listen, outgoing.run)

    def _listen(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        host, port = place(self._settings)
        loop = asyncio.get_running_loop()
        factory = Sessions(self._settings, self._house, loop)
        try:
            server = await loop.create_server(factory, host, port)
        except OSError as failed:
            raise SettingsError(
                f"The mail door cannot listen on {host}:{port}: {os.strerror(failed.errno or 0)}.",
                hint="Is another mail server running on this machine?",
            ) from failed
        logs.event(_log, "door.listens", address=f"{host}:{port}")
        async with server:
            while True:  # the server serves meanwhile; this shows that its loop turns
                _life.waits()
                await asyncio.sleep(_life.SLICE_S)


def check(settings: Settings) -> str:
    """Knocks at the door.

    Raises:
        UnreachableError: Nobody answers.
    """
    host, port = place(settings)
    try:
        with smtplib.SMTP(host, port, timeout=10) as client:
            client.noop()
    except (OSError, smtplib.SMTPException) as away:
        raise UnreachableError(
            f"The mail door does not answer at {host}:{port}.",
            hint="Saved settings take a few seconds to work.",
        ) from away
    return f"The mail door answers at {host}:{port}."
