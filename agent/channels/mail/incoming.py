"""Mail on its way in: every new mail handed to the house once, in order, whatever fails.

Owns: what is new, how far the folder was read, and the receipts of the channel's own mails.
Does not know: SMTP, or who is answered.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace

from agent import logs
from agent.channels._house import House
from agent.channels._outgoing import WRONG_PASSWORDS
from agent.channels._patience import Patience
from agent.channels._submission import Server
from agent.channels.mail.imap import Facts, Imap
from agent.channels.mail.journal import Cursor, Journal
from agent.errors import (
    AuthenticationError,
    NisseError,
    RequestError,
    StorageError,
    TooLargeError,
    UnavailableError,
)
from agent.letters import composing, headers, reading
from agent.message import Message

_log = logging.getLogger(__name__)

MEGABYTE = 1_000_000
_LONGEST_WAIT_S = 120.0
_LONGEST_IDLE_S = 300  # servers may hang up after 29 minutes of IDLE, and routers forget sooner
_BEGINNING = 64_000  # bytes of an oversized mail that are read, for its headers and first words
_TRIES = 3  # of a mail on which something breaks


class Incoming:
    """One account's way in."""

    def __init__(
        self,
        house: House,
        journal: Journal,
        server: Server,
        *,
        address: str,
        folder: str,
        poll: int,
        largest: int,
    ) -> None:
        """Puts the parts together.

        Args:
            house: Where mails are handed in.
            journal: How far the folder was read.
            server: The account's IMAP server.
            address: The account's address.
            folder: The folder that is read.
            poll: Seconds after which the folder is looked at even if the server says nothing.
            largest: Largest mail that is read whole, in bytes.
        """
        self.wake = threading.Event()  # set when there is something to mark
        self._house = house
        self._journal = journal
        self._server = server
        self._address = address.strip().lower()
        self._folder = folder
        self._poll = min(poll, _LONGEST_IDLE_S)
        self._largest = largest
        # How often something broke on the way of a mail; both hold the one at hand only.
        self._fetches: dict[int, int] = {}
        self._rejections: dict[int, int] = {}

    def run(self) -> None:
        """Receives for ever; returns only when the server keeps refusing the password."""
        patience, wrong = Patience(_LONGEST_WAIT_S), 0
        while wrong < WRONG_PASSWORDS:
            try:
                with Imap(self._server) as box:
                    wrong = 0
                    self._follow(box, patience)
            except AuthenticationError as refused:
                wrong += 1
                logs.event(_log, "mail.refused", level=logging.WARNING, why=refused, tries=wrong)
            except NisseError as away:
                logs.event(_log, "mail.waits", level=logging.WARNING, why=away)
            if wrong < WRONG_PASSWORDS:
                patience.wait()
        logs.event(
            _log,
            "mail.stopped",
            level=logging.ERROR,
            why="the server refused the password three times",
            hint="correct the mail account's settings; receiving then goes on by itself",
        )

    def _follow(self, box: Imap, patience: Patience) -> None:
        cursor = self._begin(box)
        while True:
            for uid in box.newer(cursor.uid, cursor.since):
                arrived_at = self._take(box, uid, cursor)
                cursor = replace(cursor, uid=uid, newest=max(cursor.newest, arrived_at))
                self._journal.move(self._folder, cursor)
            self._mark(box, cursor.validity)
            patience.reset()
            box.wait(self._poll, self.wake)

    def _begin(self, box: Imap) -> Cursor:
        """Where to go on: at what came next on the very first start, else where the last run ended."""
        opened = box.open(self._folder)
        cursor = self._journal.cursor(self._folder)
        if cursor is None:
            this_second = float(int(time.time()))  # servers note a mail's arrival to the second
            cursor = Cursor(validity=opened.validity, uid=opened.next_uid - 1, newest=this_second)
        elif cursor.validity != opened.validity:
            # All mails have new uids: those that arrived since the last one dealt with are read again, and conversation knows the
            # ones among them that it has by their Message-ID.
            logs.event(_log, "mail.renumbered", level=logging.WARNING, folder=self._folder)
            cursor = replace(cursor, validity=opened.validity, uid=0, since=cursor.newest)
        else:
            logs.event(_log, "mail.follows", folder=self._folder, after=cursor.uid)
            return cursor
        self._journal.move(self._folder, cursor)
        logs.event(_log, "mail.begins", folder=self._folder, after=cursor.uid)
        return cursor

    def _take(self, box: Imap, uid: int, cursor: Cursor) -> float:
        """Deals with one mail; when it arrived."""
        self._fetches[uid] = self._fetches.get(uid, 0) + 1
        if self._fetches[uid] > _TRIES:
            logs.event(
                _log, "mail.given_up", level=logging.ERROR, uid=uid, why="the server does not give it out"
            )
            return 0.0
        facts = box.facts(uid)
        message = None
        if facts is not None and facts.arrived_at >= cursor.since:
            head = headers.parse(facts.head)
            if composing.is_own(head, self._address):
                box.put_away(uid, headers.field(head, "Message-ID"), box.sent_folder())
            elif headers.addresses(head, "From") != [self._address]:
                message = self._read(box, uid, facts, cursor.validity)
        self._fetches.pop(uid)
        if message is not None:
            self._hand_in(message, uid)
        return facts.arrived_at if facts else 0.0

    def _read(self, box: Imap, uid: int, facts: Facts, validity: int) -> Message | None:
        problem = _too_large(facts.size, self._largest) if facts.size > self._largest else ""
        content = box.content(uid, _BEGINNING if problem else 0)
        if content is None:
            return None
        try:
            return reading.read(
                content,
                channel=self._house.channel,
                own=(self._address,),
                received_at=facts.arrived_at,
                problem=problem,
                envelope={"folder": self._folder, "validity": str(validity), "uid": str(uid)},
            )
        except Exception:  # noqa: BLE001 - one mail that nobody can read must not keep all others out
            _log.exception("mail.unreadable uid=%s", uid)
            return None

    def _hand_in(self, message: Message, uid: int) -> None:
        try:
            state = self._house.hand_in(message)
        except TooLargeError:
            size = sum(len(file.data) for file in message.attachments)
            problem = _too_large(size, self._largest)
            state = self._house.hand_in(replace(message, attachments=(), problem=problem))
        except RequestError as never:
            logs.event(_log, "mail.rejected", level=logging.ERROR, uid=uid, why=never)
            return
        except (UnavailableError, StorageError):
            raise
        except NisseError as broke:
            self._rejections[uid] = self._rejections.get(uid, 0) + 1
            if self._rejections[uid] < _TRIES:
                raise
            logs.event(_log, "mail.given_up", level=logging.ERROR, uid=uid, why=broke)
            return
        logs.event(_log, "mail.handed_in", uid=uid, id=message.id, state=state)

    def _mark(self, box: Imap, validity: int) -> None:
        uids = self._journal.to_mark(self._folder, validity)
        if uids:
            box.mark_answered(uids)
            self._journal.marked(self._folder, validity, uids)


def _too_large(size: int, largest: int) -> str:
    return (
        f"Your mail has {max(1, round(size / MEGABYTE))} MB; I take up to {largest // MEGABYTE} MB and have not read it. "
        "Please send it in smaller parts."
    )
