"""Handing a mail to a mail server, encrypted and logged in.

Owns: the SMTP dialogue, and what each of the server's refusals means.
Does not know: what the mail says, or what becomes of it if it is refused.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent.errors import AuthenticationError, RequestError, SettingsError, UnavailableError, UnreachableError
from agent.settings import Secret

_TIMEOUT_S = 60.0
_GREETING = "[127.0.0.1]"  # a submission server knows us by our login; the box's name stays at home


class Token(Protocol):
    """Stands in for the password at a provider that lets in nobody by password."""

    def current(self) -> str:
        """The access token that holds now.

        Raises:
            AuthenticationError: The provider gives none any more.
            UnreachableError: It does not answer.
        """

    def refused(self) -> bool:
        """The server did not take it. Whether another try makes sense, with a fresh one."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A mail server and how to log in there."""

    host: str
    port: int
    security: str  # "tls" from the first byte, or "starttls"; never neither
    user: str
    password: Secret = field(repr=False)
    ca_file: str = ""  # a private authority's certificate, trusted beside the public ones
    token: Token | None = field(default=None, repr=False)  # in place of the password

    def tls(self) -> ssl.SSLContext:
        """What the server must prove.

        Raises:
            SettingsError: The authority's file cannot be read.
        """
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca_file:
            try:
                context.load_verify_locations(Path(self.ca_file).expanduser())
            except (OSError, ssl.SSLError) as unreadable:
                raise SettingsError(
                    f"The certificate file {self.ca_file} cannot be read.",
                    hint="It must be a PEM file on the box; leave the setting empty for public servers.",
                ) from unreadable
        return context


@dataclass(frozen=True, kw_only=True)
class Handed:
    """What is known of a mail that was handed over."""

    certain: bool  # False: the connection broke at the moment when the server may have taken it
    copied: bool  # the second recipient was taken too


class Submission:
    """Sends by one server; each mail over a connection of its own."""

    def __init__(self, server: Server) -> None:
        """Keeps the server in mind; nothing is opened yet."""
        self._server = server

    def check(self) -> None:
        """Logs in and out.

        Raises:
            AuthenticationError: The server refuses user or password.
            UnreachableError: It does not answer, or does not prove who it is.
        """
        with _errors(self._server), self._connected():
            pass

    def submit(self, mail: bytes, *, sender: str, recipient: str, copy_to: str = "") -> Handed:
        """Hands over one mail.

        Args:
            mail: The mail, with CRLF line ends.
            sender: Envelope sender.
            recipient: Envelope recipient.
            copy_to: A second envelope recipient, who gets the same mail in the same transaction; empty: none.

        Returns:
            What is known of it.

        Raises:
            UnavailableError: Not taken now.
            AuthenticationError: The server refuses user or password.
            RequestError: Never taken: the recipient or the mail is refused.
        """
        with _errors(self._server), self._connected() as client:
            options = _options(client, mail, is_ascii=f"{sender}{recipient}".isascii())
            _expect(client.mail(sender, options), "the sender", final=False)
            _expect(client.rcpt(recipient), f"the recipient {recipient}")
            # Without its copy the reply still goes out; only the receipt is missing.
            copied = bool(copy_to) and client.rcpt(copy_to)[0] < 300
            try:
                answer = client.data(mail)
            except (smtplib.SMTPServerDisconnected, OSError):
                return Handed(certain=False, copied=copied)
            except smtplib.SMTPDataError as refused:
                answer = (refused.smtp_code, _bytes(refused.smtp_error))
            _expect(answer, "the mail")
            return Handed(certain=True, copied=copied)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        server, context = self._server, self._server.tls()
        client: smtplib.SMTP
        if server.security == "tls":
            client = smtplib.SMTP_SSL(
                server.host, server.port, _GREETING, timeout=_TIMEOUT_S, context=context
            )
        else:
            client = smtplib.SMTP(server.host, server.port, _GREETING, timeout=_TIMEOUT_S)
        try:
            if server.security != "tls":
                client.starttls(context=context)
            client.ehlo()
            _log_in(client, server)
            yield client
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                client.quit()
            client.close()


def _log_in(client: smtplib.SMTP, server: Server) -> None:
    if server.token is not None:
        words = xoauth2(server.user, server.token.current())
        try:
            client.auth("XOAUTH2", lambda challenge=None: "" if challenge else words)
        except smtplib.SMTPAuthenticationError as refused:
            if server.token.refused():
                raise UnavailableError(f"{server.host} wants a fresh token.") from refused
            raise
    elif server.user:
        client.login(server.user, server.password.reveal())


def xoauth2(user: str, token: str) -> str:
    """What is said at login in place of a password, not yet in base64."""
    return f"user={user}\1auth=Bearer {token}\1\1"


def _options(client: smtplib.SMTP, mail: bytes, *, is_ascii: bool) -> list[str]:
    options = [f"size={len(mail)}"] if client.has_extn("size") else []
    if is_ascii:
        return options
    if not client.has_extn("smtputf8"):
        raise RequestError(
            "The mail server cannot write to an address with letters beyond a to z before the @.",
            hint="Its owner needs a plain address for this.",
        )
    return [*options, "smtputf8", "body=8bitmime"]


@contextlib.contextmanager
def _errors(server: Server) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPAuthenticationError as refused:
        if refused.smtp_code < 500:
            raise UnavailableError(f"{server.host} cannot check the password just now.") from refused
        raise AuthenticationError(
            f"{server.host} refuses the user name or the password (sending).",
            hint="Some providers want an app password instead of the usual one.",
        ) from refused
    except smtplib.SMTPNotSupportedError as plain:
        raise SettingsError(
            f"{server.host} offers no encryption or no login on port {server.port}.",
            hint="Usual are port 465 with tls, or 587 with starttls.",
        ) from plain
    except ssl.SSLCertVerificationError as unproven:
        raise UnreachableError(
            f"{server.host} does not prove who it is: {unproven.verify_message}.",
            hint="Look at the server's name; a private server needs its authority's certificate file.",
        ) from unproven
    except (OSError, smtplib.SMTPException) as away:
        raise UnreachableError(
            f"{server.host} does not answer on port {server.port}.",
            hint="Look at the server's name, its port and its kind of encryption.",
        ) from away


def _expect(answer: tuple[int, bytes], what: str, *, final: bool = True) -> None:
    code, words = answer
    if 200 <= code < 300:
        return
    said = _bytes(words).decode("utf-8", "replace").replace("\n", " ")[:200]
    if code >= 500 and final:
        raise RequestError(f"The mail server refuses {what}: {code} {said}")
    raise UnavailableError(f"The mail server does not take {what} now: {code} {said}")


def _bytes(words: bytes | str) -> bytes:
    return words.encode() if isinstance(words, str) else words
