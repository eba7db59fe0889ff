"""What is said at the door: who may come in, for whom, and what becomes of the mail they bring.

Owns: every answer of the SMTP dialogue beyond its syntax.
Does not know: sockets or TLS. It never hands a mail on to anybody but the house.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, LoginPassword, Session

from agent import logs
from agent.channels._house import House
from agent.channels.door.throttle import Rate, Throttle
from agent.errors import NisseError, RequestError, StorageError, TooLargeError, UnavailableError
from agent.letters import headers, reading
from agent.message import ASSERTED, VERIFIED, Message, Person

_log = logging.getLogger(__name__)

_MOST_RECIPIENTS = 2
TAKEN = "250 2.0.0 The house has it"

Result = TypeVar("Result")


class Reception:
    """aiosmtpd's handler: one for all connections."""

    def __init__(
        self,
        house: House,
        *,
        name: str,
        domains: frozenset[str],
        addresses: frozenset[str],
        login: bool,
        hourly: int,
    ) -> None:
        """Puts the rules together.

        Args:
            house: Where mails are handed in.
            name: What the house is called, lower-case: its local part in every address.
            domains: The domains that mean this box, lower-case.
            addresses: The house's mailboxes at its providers, lower-case.
            login: Whether everybody must log in, and writes as themselves only.
            hourly: How many mails each may bring in an hour.
        """
        self._house = house
        self._name = name
        self._domains = domains
        self._addresses = addresses
        self._login = login
        self._throttle = Throttle()
        self._rate = Rate(hourly)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks for this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Takes mail for the house only."""
        if len(envelope.rcpt_tos) >= _MOST_RECIPIENTS:
            return "452 4.5.3 One mail is for one house"
        if not self._is_ours(address):
            return f"550 5.1.1 This door takes mail for {self._name}@localhost only and passes nothing on"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Hands the mail in; what it answers is true when it is said."""
        try:
            return await _apart(self._take, session, envelope)
        except TooLargeError:
            return "552 5.3.4 This mail is larger than the house takes"
        except RequestError as never:
            logs.event(_log, "mail.rejected", level=logging.WARNING, why=never)
            return "554 5.6.0 The house cannot take this mail"
        except StorageError as full:
            logs.event(_log, "mail.waits", level=logging.WARNING, why=full)
            return "452 4.3.1 The disk of the house is full; try again later"
        except UnavailableError as away:
            logs.event(_log, "mail.waits", level=logging.WARNING, why=away)
            return "451 4.3.0 The house is not awake yet; try again in a moment"

    async def handle_exception(self, error: Exception) -> str:
        """Whatever broke: the mail was not taken, and its sender shall keep it."""
        _log.error("door.broke", exc_info=error)
        return "451 4.3.0 Something went wrong inside; try again later"

    async def handle_AUTH(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, _words: list[str]
    ) -> Any:
        """Hears no password from an address that guessed too often; else aiosmtpd goes on."""
        return self._pause(session) or MISSING

    async def verified(self, session: Session, given: LoginPassword) -> AuthResult:
        """Who logs in.

        Args:
            session: Whose connection it is.
            given: What they said.
        """
        pause = self._pause(session)
        if pause:
            return AuthResult(success=False, handled=False, message=pause)
        login, password = (word.decode("utf-8", "replace") for word in given)
        try:
            person = await _apart(self._house.verify, login, password)
        except NisseError as away:
            logs.event(_log, "login.waits", level=logging.WARNING, why=away)
            return AuthResult(
                success=False, handled=False, message="454 4.7.0 Not just now; try again in a moment"
            )
        if person is None:
            self._throttle.wrong(_address(session), time.monotonic())
            logs.event(_log, "login.refused", level=logging.WARNING, peer=_address(session))
        return AuthResult(success=person is not None, handled=person is not None, auth_data=person)

    def _pause(self, session: Session) -> str:
        seconds = self._throttle.pause(_address(session), time.monotonic())
        return f"454 4.7.0 Too many wrong passwords; try again in {round(seconds) + 1} s" if seconds else ""

    def _take(self, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        mail = content if isinstance(content, bytes) else (content or "").encode("utf-8", "surrogateescape")
        own = {address.lower() for address in envelope.rcpt_tos}
        message = reading.read(
            mail,
            channel=self._house.channel,
            own=own | self._addresses,
            envelope_sender=envelope.mail_from,
            envelope={"own": envelope.rcpt_tos[0]},
        )
        refusal = self._refusal(message.sender, session.auth_data if self._login else None)
        if refusal:
            logs.event(_log, "mail.refused", sender=message.sender[:200])
            return refusal
        # On the box itself all come from one place, so there each is who they say; else whoever is logged in.
        if not self._rate.takes(message.sender, time.monotonic()):
            logs.event(_log, "mail.put_off", level=logging.WARNING, sender=message.sender[:200])
            return "450 4.7.1 That is more in an hour than the house takes of one sender; try again later"
        state = self._house.hand_in(self._vouched(message, mail))
        logs.event(_log, "mail.handed_in", id=message.id, state=state)
        return TAKEN

    def _vouched(self, message: Message, mail: bytes) -> Message:
        """The message with what the door itself knows of its sender: a password, or that they are on this machine."""
        level = VERIFIED if self._login else ASSERTED
        return replace(
            message,
            level=level,
            answer_to=reading.answer_to(headers.parse(mail), sender=message.sender, level=level),
            evidence="logged in at the mail door"
            if self._login
            else "brought to the mail door from the box itself",
            written_at=message.received_at,
        )

    def _refusal(self, sender: str, person: Person | None) -> str:
        if self._login:
            theirs = {
                address.lower() for kind, address in (person.addresses if person else ()) if kind == "mail"
            }
            return (
                ""
                if sender in theirs
                else "550 5.7.1 You are logged in, but the address in From is not yours"
            )
        if self._house.known(reading.ADDRESS_KIND, sender):
            return ""
        return (
            "550 5.7.1 The house does not know the address in From; its owner can add it at the page People"
        )

    def _is_ours(self, address: str) -> bool:
        local, _, domain = address.strip().lower().rpartition("@")
        if f"{local}@{domain}" in self._addresses:
            return True
        return local.partition("+")[0] == self._name and domain in self._domains


def _address(session: Session) -> str:
    return str((session.peer or ("",))[0])


async def _apart(work: Callable[..., Result], *arguments: Any) -> Result:
    """What the work gives, done in a thread, so that the other connections go on."""
    try:
        doing = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
    except RuntimeError as ending:  # Python begins no thread's work any more
        raise UnavailableError("The door is just closing.", hint="Try again in a moment.") from ending
    return await doing
