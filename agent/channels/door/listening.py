"""The door's socket side: how many may stand there, how long, and how the connection is protected.

Owns: putting aiosmtpd's sessions together.
Does not know: what is answered there (`reception`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from agent.channels._house import House
from agent.channels.door.reception import Reception
from agent.errors import SettingsError
from agent.settings import Settings
from agent.wire.address import is_loopback

MEGABYTE = 1_000_000
_CONNECTIONS = 8  # each may hold one whole mail in memory
_FROM_ONE_ADDRESS = 3  # beyond this machine, so that no single device takes all places
_TIMEOUT_S = 120.0
_TOO_MANY = b"421 4.7.0 Too many at the door; try again in a moment\r\n"
_LONGEST_LINE = 1_000_000  # bytes; hand-made mails come with bare newlines, and so as one line
_HERE = ("localhost", "localhost.localdomain")
_COMMANDS = {"AUTH": 3, "*": 100}  # of a kind in one connection


def place(settings: Settings) -> tuple[str, int]:
    """Address and port of the door.

    Raises:
        SettingsError: The setting is none.
    """
    host, _, port = settings.text("door.listen").strip().rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingsError("door.listen is no address with a port.", hint="It looks like 127.0.0.1:8025.")
    return host.strip("[]"), int(port)


def has_place(address: str, present: Iterable[str]) -> bool:
    """Whether one more connection from this address may come in.

    Args:
        address: The client's IP address.
        present: The addresses of the connections that stand at the door, this one left out.
    """
    return is_loopback(address) or sum(other == address for other in present) < _FROM_ONE_ADDRESS


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
        self._tls = _certified(settings, self._name) if self._login else None
        self._open: set[_Session] = set()
        self._reception = Reception(
            house,
            name=self._name,
            domains=frozenset(
                {*_HERE, self._name, f"{self._name}.local", socket.gethostname().lower(), f"[{host}]"}
            ),
            addresses=_mailboxes(settings),
            hourly=settings.number("door.hourly"),
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
            authenticator=_given,
            command_call_limit=_COMMANDS,
            timeout=_TIMEOUT_S,
            loop=self._loop,
        )
        session.present = self._open
        session.reception = self._reception
        self._open.add(session)
        return session


def _certified(settings: Settings, name: str) -> ssl.SSLContext:
    from agent.channels.door import certificate  # noqa: PLC0415 - only an open door needs one

    return certificate.context(settings.folder("door"), name)


def _mailboxes(settings: Settings) -> frozenset[str]:
    each = [settings, *(settings.entry("mail", name) for name in settings.further("mail"))]
    return frozenset(one.text("mail.address").strip().lower() for one in each) - {""}


class _Session(SMTP):
    line_length_limit = _LONGEST_LINE
    present: set[_Session]  # all that stand at the door
    reception: Reception
    address = ""
    is_turned_away = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if has_place(self.address, [other.address for other in self.present if other is not self]):
            super().connection_made(transport)
            return
        self.is_turned_away = True
        _turn_away(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.present.discard(self)
        if not self.is_turned_away:
            super().connection_lost(error)

    # aiosmtpd asks its authenticator in the loop, where waiting for conversation would hold up all connections; so that one only
    # passes on what was said, and the question is asked here.

    async def auth_PLAIN(self, server: Any, words: list[str]) -> AuthResult:  # noqa: N802
        return await self._verified(await super().auth_PLAIN(server, words))

    async def auth_LOGIN(self, server: Any, words: list[str]) -> AuthResult:  # noqa: N802
        return await self._verified(await super().auth_LOGIN(server, words))

    async def _verified(self, heard: AuthResult) -> AuthResult:
        given = heard.auth_data
        if self.session is None or not isinstance(given, LoginPassword):
            return heard
        return await self.reception.verified(self.session, given)


def _given(_server: SMTP, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    is_usable = isinstance(given, LoginPassword)
    return AuthResult(success=is_usable, handled=is_usable, auth_data=given)


class _Busy(asyncio.Protocol):
    """Turns away whoever comes while all places are taken."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        _turn_away(transport)


def _turn_away(transport: asyncio.BaseTransport) -> None:
    if isinstance(transport, asyncio.WriteTransport):
        transport.write(_TOO_MANY)
    transport.close()
