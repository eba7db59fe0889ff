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

from agent.errors import AuthenticationError, RequestError, SettingsError, UnavailableError, UnreachableError
from agent.settings import Secret

_TIMEOUT_S = 60.0
_GREETING = "[127.0.0.1]"  # a submission server knows us by our login; the box's name stays at home


@dataclass(frozen=True, kw_only=True)
class Server:
    """A mail server and how to log in there."""

    host: str
    port: int
    security: str  # "tls" from the first byte, or "starttls"; never neither
    user: str
    password: Secret = field(repr=False)
    ca_file: str = ""  # a private authority's certificate, trusted beside the public ones

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

    def submit(self, mail: bytes, *, sender: str, recipient: str, copy_to: str = "") -> bool:
        """Hands over one mail.

        Args:
            mail: The mail, with CRLF line ends.
            sender: Envelope sender.
            recipient: Envelope recipient.
            copy_to: A second envelope recipient, who gets the same mail in the same transaction; empty: none.

        Returns:
            True if the server took it; False if the connection broke at the moment when it may have.

        Raises:
            UnavailableError: Not taken now.
            AuthenticationError: The server refuses user or password.
            RequestError: Never taken: the recipient or the mail is refused.
        """
        with _errors(self._server), self._connected() as client:
            _expect(
                client.mail(sender, [f"size={len(mail)}"] if client.has_extn("size") else []),
                "the sender",
                final=False,
            )
            _expect(client.rcpt(recipient), f"the recipient {recipient}")
            if copy_to:
                client.rcpt(copy_to)  # without its copy the reply still goes out; only the receipt is missing
            try:
                answer = client.data(mail)
            except (smtplib.SMTPServerDisconnected, OSError):
                return False
            except smtplib.SMTPDataError as refused:
                answer = (refused.smtp_code, _bytes(refused.smtp_error))
            _expect(answer, "the mail")
            return True

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
            if server.user:
                client.login(server.user, server.password.reveal())
            yield client
        finally:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                client.quit()
            client.close()


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
