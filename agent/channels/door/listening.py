"""The door's socket side: how many may stand there, how long, and how the connection is protected.

Owns: putting aiosmtpd's sessions together.
Does not know: what is answered there (`reception`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiosmtpd.smtp import SMTP

from agent.channels._house import House
from agent.channels.door import certificate
from agent.channels.door.reception import Reception
from agent.errors import SettingsError
from agent.settings import Settings
from agent.wire.serve import is_loopback

MEGABYTE = 1_000_000
_CONNECTIONS = 8  # each may hold one whole mail in memory
_TIMEOUT_S = 120.0
_LONGEST_LINE = 1_000_000  # bytes; hand-made mails come with bare newlines, and so as one line
_HERE = ("localhost", "localhost.localdomain")
_COMMANDS = {"AUTH": 3, "*": 100}  # of a kind in one connection; guessing passwords is slow that way


def place(settings: Settings) -> tuple[str, int]:
    """Address and port of the door.

    Raises:
        SettingsError: The setting is none.
    """
    host, _, port = settings.text("door.listen").strip().rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingsError("door.listen is no address with a port.", hint="It looks like 127.0.0.1:8025.")
    return host.strip("[]"), int(port)


class Sessions:
    """Makes a session for each connection, as many at a time as the box can bear."""

    def __init__(self, settings: Settings, house: House, loop: asyncio.AbstractEventLoop) -> None:
        """Puts the rules together.

        Args:
            settings: The values in force.
            house: Where mails are handed in.
            loop: The loop in which the sessions run.
        """
        host, _ = place(settings)
        self._name = settings.text("house.name").lower()
        self._loop = loop
        self._largest = settings.number("conversation.max_message") * MEGABYTE
        self._login = not is_loopback(host)
        self._tls = certificate.context(settings.folder("door"), self._name) if self._login else None
        self._open: set[SMTP] = set()
        self._reception = Reception(
            house,
            name=self._name,
            domains=frozenset(
                {*_HERE, self._name, f"{self._name}.local", socket.gethostname().lower(), f"[{host}]"}
            ),
            address=settings.text("mail.address").strip().lower(),
            login=self._login,
        )

    def __call__(self) -> asyncio.Protocol:
        """A session for a connection that was just made."""
        if len(self._open) >= _CONNECTIONS:
            return _Busy()
        session = _Session(
            self._reception,
            data_size_limit=self._largest,
            hostname=f"{self._name}.local",
            ident="Nisse",
            tls_context=self._tls,
            require_starttls=self._login,
            auth_required=self._login,
            authenticator=self._reception.authenticate,
            command_call_limit=_COMMANDS,
            timeout=_TIMEOUT_S,
            loop=self._loop,
        )
        session.on_end = self._open.discard
        self._open.add(session)
        return session


class _Session(SMTP):
    line_length_limit = _LONGEST_LINE
    on_end: Callable[[SMTP], None]

    def connection_lost(self, error: Exception | None) -> None:
        self.on_end(self)
        super().connection_lost(error)


class _Busy(asyncio.Protocol):
    """Turns away whoever comes while all places are taken."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(b"421 4.7.0 Too many at the door; try again in a moment\r\n")
        transport.close()
