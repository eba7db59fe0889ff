"""A mailbox on a server, by IMAP: only what the channel needs of it.

Owns: the connection, uids, IDLE, and the server's refusals as the house's errors.
Does not know: what a mail means, or which ones are new to the house.
"""

from __future__ import annotations

import contextlib
import imaplib
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from imapclient import ANSWERED, DELETED, SEEN, IMAPClient
from imapclient.exceptions import CapabilityError, LoginError

from agent.channels import _life
from agent.channels._submission import Server
from agent.errors import AuthenticationError, RequestError, SettingsError, UnavailableError, UnreachableError
from agent.letters.headers import LONGEST_HEAD

_TIMEOUT_S = 60.0
_LOOK_UP_S = 5.0  # between two looks at whether somebody else has work for this connection
_MOST_FRUITLESS = 3  # searches without a pause that find nothing, though the server told of mails
_SENT = b"\\Sent"
KEYWORD = b"$Nisse"  # \Answered may be a person's doing, this is a house's
_DONE = (b"\\answered", KEYWORD.lower())
_BEGUN = b"$NisseSending"  # a house has begun to send an answer to this mail
_CLAIM_TRIES = 5  # other flags of the mail may change meanwhile
_ANY_KEYWORD = b"\\*"
_NOT_NOW = ("UNAVAILABLE", "INUSE", "LIMIT", "CONTACTADMIN", "try again", "temporar")


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A folder as it was when it was opened."""

    validity: int
    next_uid: int
    count: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a mail before it is fetched."""

    size: int  # bytes
    arrived_at: float  # seconds since 1970, by the server's clock
    head: bytes
    is_answered: bool = False  # by a person who looked into the mailbox, or by a house: this one or another


class Imap:
    """One logged-in connection."""

    def __init__(self, server: Server) -> None:
        """Connects and logs in.

        Raises:
            AuthenticationError: The server refuses user or password.
            UnreachableError: It does not answer, or does not prove who it is.
        """
        self._folder = ""
        self._takes_keywords = False
        self._fruitless = 0  # searches
        with _errors(server):
            encrypted = server.security == "tls"
            self._client = IMAPClient(
                server.host,
                port=server.port,
                ssl=encrypted,
                ssl_context=server.tls() if encrypted else None,
                timeout=_TIMEOUT_S,
            )
            try:
                if not encrypted:
                    self._client.starttls(server.tls())
                _log_in(self._client, server)
            except BaseException:
                self._client.shutdown()
                raise
        self._client.normalise_times = False
        self._server = server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            self._client.logout()

    def open(self, folder: str) -> Opened:
        """Opens a folder; nothing in it changes by that.

        Raises:
            SettingsError: There is no such folder.
        """
        with _errors(self._server):
            try:
                found = self._client.select_folder(folder)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error as missing:
                raise SettingsError(
                    f"The mailbox has no folder {folder!r}.", hint="The usual one is INBOX."
                ) from missing
        self._folder = folder
        self._takes_keywords = _ANY_KEYWORD in found.get(b"PERMANENTFLAGS", ())
        return Opened(
            validity=int(found[b"UIDVALIDITY"]),
            next_uid=int(found.get(b"UIDNEXT", 1)),
            count=int(found[b"EXISTS"]),
        )

    def newer(self, uid: int, since: float) -> list[int]:
        """The uids above this one, ascending.

        Args:
            uid: The last one that is not asked for.
            since: Leaves out mails of days before this moment (seconds since 1970); 0: none.
        """
        criteria: list[Any] = ["UID", f"{uid + 1}:*"]
        if since:
            criteria += ["SINCE", datetime.fromtimestamp(since - 86_400, UTC).date()]
        with _errors(self._server):
            self._told_of_mails()  # those of which it told until now are found
            found = self._client.search(criteria)
        newer = sorted(
            int(one) for one in found if int(one) > uid
        )  # `n:*` names the last mail even if it is older
        if newer:
            self._fruitless = 0
        return newer

    def facts(self, uid: int) -> Facts | None:
        """Size, time and headers of a mail; None if it is gone.

        Raises:
            RequestError: The server refuses to give it out.
        """
        found = self._fetch(
            uid, "FLAGS", "RFC822.SIZE", "INTERNALDATE", f"BODY.PEEK[HEADER]<0.{LONGEST_HEAD}>"
        )
        if not found:
            return None
        arrived, flags = found.get(b"INTERNALDATE"), found.get(b"FLAGS", ())
        return Facts(
            size=int(found[b"RFC822.SIZE"]),
            arrived_at=arrived.timestamp() if isinstance(arrived, datetime) else time.time(),
            head=bytes(found[b"BODY[HEADER]<0>"] or b""),
            is_answered=any(bytes(flag).lower() in _DONE for flag in flags),
        )

    def content(self, uid: int, first: int = 0) -> bytes | None:
        """The mail as it is on the server, which is not told that it was read; None if it is gone.

        Args:
            uid: Which mail.
            first: Fetches only so many bytes from its beginning; 0: all.

        Raises:
            RequestError: The server refuses to give it out.
        """
        found = self._fetch(uid, f"BODY.PEEK[]<0.{first}>" if first else "BODY.PEEK[]")
        return bytes(found[b"BODY[]<0>" if first else b"BODY[]"] or b"") if found else None

    def holds(self, folder: str, message_id: str) -> list[int]:
        """The uids of the mails with this Message-ID in a folder, which is open afterwards; none where there is no such folder."""
        with _errors(self._server):
            if not self._client.folder_exists(folder):
                return []
            self._client.select_folder(folder)
            self._folder = folder
            return [int(uid) for uid in self._client.search(["HEADER", "Message-ID", message_id])]

    def claim(self, folder: str, validity: int, uid: int) -> bool:
        """Notes on a mail that an answer to it is being sent; the folder is open afterwards.

        Args:
            folder: The mail's folder.
            validity: The folder's UIDVALIDITY when the uid was read.
            uid: Which mail.

        Returns:
            False if that was noted before. Where the server cannot say who was first, or knows the mail no more: True.
        """
        with _errors(self._server):
            if not self._client.has_capability("CONDSTORE"):
                return True
        opened = self.open(folder)
        if opened.validity != validity or not self._takes_keywords:
            return True
        for _try in range(_CLAIM_TRIES):
            found = self._fetch(uid, "FLAGS", "MODSEQ")
            if not found.get(b"MODSEQ"):
                return True
            if _BEGUN.lower() in (bytes(flag).lower() for flag in found.get(b"FLAGS", ())):
                return False
            if self._add_if_unchanged(uid, _BEGUN, int(found[b"MODSEQ"][0])):
                return True
        return False

    def _add_if_unchanged(self, uid: int, flag: bytes, since: int) -> bool:
        """RFC 7162: of two who add a flag at once, the server tells one that the mail has changed since they looked."""
        with _errors(self._server), _refusals(self._server):
            self._client.add_flags(f"{uid} (UNCHANGEDSINCE {since})", [flag], silent=True)
            # imapclient keeps the code of a tagged answer, [MODIFIED 7], to itself.
            refused = self._client._imap.response("MODIFIED")[1]  # noqa: SLF001
        return bool(refused == [None])

    def sent_folder(self) -> str:
        """The folder for sent mails."""
        with _errors(self._server):
            return str(self._client.find_special_folder(_SENT) or "Sent")

    def put_away(self, uid: int, message_id: str, target: str) -> None:
        """Moves a mail to another folder, or removes it where that folder has this Message-ID already.

        Args:
            uid: Which mail of the open folder.
            message_id: Its Message-ID.
            target: The other folder, which is made if it is not there.

        Raises:
            RequestError: The server refuses.
        """
        source = self._folder
        already = self.holds(target, message_id) if message_id else []
        with _errors(self._server), _refusals(self._server):
            if not self._client.folder_exists(target):
                self._client.create_folder(target)
            self._client.select_folder(source)
            self._folder = source
            self._client.add_flags([uid], [SEEN])
            if not already and self._client.has_capability("MOVE"):
                self._client.move([uid], target)
                return
            if not already:
                self._client.copy([uid], target)
            self._client.add_flags([uid], [DELETED])
            if self._client.has_capability("UIDPLUS"):
                self._client.uid_expunge([uid])

    def keep_copy(self, folder: str, mail: bytes, message_id: str) -> None:
        """Puts a mail into a folder, read; not where it is already. The folder is made if it is not there.

        Args:
            folder: Which folder.
            mail: The mail.
            message_id: Its Message-ID.

        Raises:
            RequestError: The server refuses.
        """
        if self.holds(folder, message_id):
            return
        with _errors(self._server), _refusals(self._server):
            if not self._client.folder_exists(folder):
                self._client.create_folder(folder)
            self._client.append(folder, mail, [SEEN])

    def remove(self, uid: int) -> None:
        """Removes a mail of the open folder.

        Raises:
            RequestError: The server refuses.
        """
        with _errors(self._server), _refusals(self._server):
            self._client.add_flags([uid], [SEEN, DELETED])
            if self._client.has_capability("UIDPLUS"):
                self._client.uid_expunge([uid])

    def mark_answered(self, uids: list[int]) -> None:
        """Marks mails of the open folder as answered, with a keyword of the house's own where the folder takes any.

        Raises:
            RequestError: The server refuses.
        """
        flags = [ANSWERED, KEYWORD] if self._takes_keywords else [ANSWERED]
        with _errors(self._server), _refusals(self._server):
            self._client.add_flags(uids, flags)

    def wait(self, seconds: float, wake: threading.Event) -> None:
        """Waits for news: until the server tells of some, somebody sets `wake`, or the time is up.

        It may have told of them since `newer` asked, beside the answer to something else, and says nothing twice (RFC 3501, 7.3.1).

        Args:
            seconds: The longest wait.
            wake: Ends the wait early; it is cleared.
        """
        with _errors(self._server):
            if self._told_of_mails() and self._fruitless < _MOST_FRUITLESS:
                self._fruitless += 1
            else:
                self._fruitless = 0
                self._wait(seconds, wake)
        wake.clear()

    def _wait(self, seconds: float, wake: threading.Event) -> None:
        if self._client.has_capability("IDLE"):
            self._idle(time.monotonic() + seconds, wake)
        else:
            _life.wait(wake, seconds)
            self._client.noop()

    def _idle(self, until: float, wake: threading.Event) -> None:
        self._client.idle()
        try:
            news: list[Any] = []
            while not news and not wake.is_set() and (left := until - time.monotonic()) > 0:
                _life.waits()
                news = [
                    one
                    for one in self._client.idle_check(timeout=min(left, _LOOK_UP_S))
                    if one[:1] != (b"OK",)
                ]
        finally:
            _life.works()
            self._client.idle_done()

    def _told_of_mails(self) -> bool:
        """Whether the server told how many mails there are since this was asked last: when some came, and when a folder was opened."""
        return bool(self._client._imap.response("EXISTS")[1] != [None])  # noqa: SLF001 - imapclient keeps it to itself

    def _fetch(self, uid: int, *items: str) -> dict[bytes, Any]:
        with _errors(self._server), _refusals(self._server):
            found: dict[int, dict[bytes, Any]] = self._client.fetch([uid], list(items))
        return found.get(uid, {})


def _log_in(client: IMAPClient, server: Server) -> None:
    if server.token is None:
        client.login(server.user, server.password.reveal())
        return
    token = server.token.current()
    try:
        client.oauth2_login(server.user, token)
    except LoginError as refused:
        if server.token.refused():
            raise UnavailableError(f"{server.host} wants a fresh token.") from refused
        raise


@contextlib.contextmanager
def _refusals(server: Server) -> Iterator[None]:
    """For commands about one mail: a connection that breaks is not the mail's fault, the server's NO may be."""
    try:
        yield
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as refused:
        if _is_not_now(refused):
            raise UnavailableError(f"{server.host} cannot do that just now.") from refused
        raise RequestError(f"{server.host} refuses: {str(refused)[:200]}") from refused


def _is_not_now(refused: Exception) -> bool:
    return any(word.lower() in str(refused).lower() for word in _NOT_NOW)


@contextlib.contextmanager
def _errors(server: Server) -> Iterator[None]:
    try:
        yield
    except LoginError as refused:
        if _is_not_now(refused):
            raise UnavailableError(f"{server.host} cannot check the password just now.") from refused
        raise AuthenticationError(
            f"{server.host} refuses the user name or the password (receiving).",
            hint="Some providers want an app password instead of the usual one.",
        ) from refused
    except ssl.SSLCertVerificationError as unproven:
        raise UnreachableError(
            f"{server.host} does not prove who it is: {unproven.verify_message}.",
            hint="Look at the server's name; a private server needs its authority's certificate file.",
        ) from unproven
    except CapabilityError as plain:
        raise SettingsError(
            f"{server.host} offers no encryption on port {server.port}.", hint="Usual is port 993 with tls."
        ) from plain
    except (OSError, imaplib.IMAP4.error) as away:
        raise UnreachableError(
            f"{server.host} does not answer on port {server.port}.",
            hint="Look at the server's name, its port and its kind of encryption.",
        ) from away
