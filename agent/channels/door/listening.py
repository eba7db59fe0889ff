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


def sessions(
    settings: Settings, house: House, loop: asyncio.AbstractEventLoop
) -> Callable[[], asyncio.Protocol]:
    """Makes a session for each connection.

    Args:
        settings: The values in force.
        house: Where mails are handed in.
        loop: The loop in which they run.
    """
    host, _ = place(settings)
    name, login = settings.text("house.name").lower(), not is_loopback(host)
    here = {
        "localhost",
        "localhost.localdomain",
        name,
        f"{name}.local",
        socket.gethostname().lower(),
        f"[{host}]",
    }
    address = settings.text("mail.address").strip().lower()
    reception = Reception(
        house, names=frozenset({name}), domains=frozenset(here), address=address, login=login
    )
    tls = certificate.context(settings.folder("door"), name) if login else None
    open_sessions: set[SMTP] = set()

    largest = settings.number("conversation.max_message") * MEGABYTE

    class Session(SMTP):
        line_length_limit = largest  # hand-made mails come with bare newlines, and so as one line

        def connection_lost(self, error: Exception | None) -> None:
            open_sessions.discard(self)
            super().connection_lost(error)

    def factory() -> asyncio.Protocol:
        if len(open_sessions) >= _CONNECTIONS:
            return _Busy()
        session = Session(
            reception,
            data_size_limit=largest,
            hostname=f"{name}.local",
            ident="Nisse",
            tls_context=tls,
            require_starttls=login,
            auth_required=login,
            authenticator=reception.authenticate,
            command_call_limit=_COMMANDS,
            timeout=_TIMEOUT_S,
            loop=loop,
        )
        open_sessions.add(session)
        return session

    return factory


class _Busy(asyncio.Protocol):
    """Turns away whoever comes while all places are taken."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(b"421 4.7.0 Too many at the door; try again in a moment\r\n")
        transport.close()
