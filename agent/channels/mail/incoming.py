"""Mail on its way in: every new mail handed to the house once, in order, whatever fails.

Owns: what is new, how far the folder was read, and marking what was answered.
Does not know: SMTP, or what becomes of one mail (`handover`).
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace

from agent import logs
from agent.channels import _life
from agent.channels._house import House
from agent.channels._patience import REFUSED_BEFORE, REFUSED_HINT, Patience, Refusals
from agent.channels._reporting import Status
from agent.channels.mail.account import Account
from agent.channels.mail.handover import Handover, Place
from agent.channels.mail.imap import Imap
from agent.channels.mail.journal import Cursor, Journal
from agent.channels.mail.learning import Learning
from agent.channels.mail.origin import Origin
from agent.channels.mail.postponed import Postponed
from agent.errors import AuthenticationError, NisseError, RequestError, StorageError

_log = logging.getLogger(__name__)

_WAY = "receiving"
_LONGEST_WAIT_S = 120.0
_LONGEST_IDLE_S = 300  # servers may hang up after 29 minutes of IDLE, and routers forget sooner


class Incoming:
    """One account's way in."""

    def __init__(
        self,
        house: House,
        journal: Journal,
        account: Account,
        *,
        poll: int,
        largest: int,
        refusals: Refusals | None = None,
        status: Status | None = None,
    ) -> None:
        """Puts the parts together.

        Args:
            house: Where mails are handed in.
            journal: How far the folder was read.
            account: Whose mails they are.
            poll: Seconds after which the folder is looked at even if the server says nothing.
            largest: Largest mail that is read whole, in bytes.
            refusals: Counts refused passwords; none: a plain count.
            status: What the owner is told; none: nothing.
        """
        self.wake = threading.Event()  # set when there is something to mark
        self._status = status or Status(account.address)
        self._refusals = refusals or Refusals()
        self._learning = Learning(journal.store, account)
        self._postponed = Postponed(journal.store, account.key)
        self._handover = Handover(
            house,
            journal,
            account=account,
            origin=Origin(account, self._learning),
            learning=self._learning,
            postponed=self._postponed,
            largest=largest,
            on_set_aside=self._status.news,
        )
        self._journal = journal
        self._server = account.imap
        self._folder = account.folder
        self._poll = min(poll, _LONGEST_IDLE_S)

    def run(self) -> None:
        """Receives for ever."""
        patience = Patience(_LONGEST_WAIT_S)
        while True:
            self._wait_as_before()
            _life.works()
            try:
                with Imap(self._server) as box:
                    self._refusals.reset()
                    self._follow(box, patience)
            except AuthenticationError as refused:
                self._wait_for_settings(refused)
            except NisseError as away:
                logs.event(_log, "mail.waits", level=logging.WARNING, why=away)
                if not isinstance(away, StorageError):
                    self._status.waits(_WAY, away)
                patience.wait()

    def _wait_as_before(self) -> None:
        """What was refused before this start is not tried at once."""
        left = self._refusals.left()
        if left:
            self._status.stopped(_WAY, AuthenticationError(REFUSED_BEFORE, hint=REFUSED_HINT))
            self._refusals.sleep(left)

    def _wait_for_settings(self, refused: AuthenticationError) -> None:
        refusals = self._refusals
        wait = refusals.next_wait()
        logs.event(_log, "mail.refused", level=logging.WARNING, why=refused, tries=refusals.count)
        if refusals.slow:
            logs.event(
                _log,
                "mail.stopped",
                level=logging.ERROR,
                why=refusals.why,
                hint="correct the mail account's settings; receiving then goes on by itself",
            )
            self._status.stopped(_WAY, refused)
        else:
            self._status.waits(_WAY, refused)
        refusals.sleep(wait)

    def _follow(self, box: Imap, patience: Patience) -> None:
        cursor = self._begin(box)
        self._learning.ask()
        while True:
            for uid in box.newer(cursor.uid, cursor.since):
                _life.works()
                place = Place(folder=self._folder, validity=cursor.validity, uid=uid)
                arrived_at = self._handover.take(box, place, cursor.since)
                cursor = replace(cursor, uid=uid, newest=max(cursor.newest, arrived_at))
                self._journal.move(self._folder, cursor)
            for uid in self._postponed.due(self._folder, cursor.validity):
                _life.works()
                self._handover.take(box, Place(folder=self._folder, validity=cursor.validity, uid=uid), 0.0)
            self._mark(box, cursor.validity)
            patience.reset()
            self._status.works(_WAY)
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
            waiting = self._postponed.renumbered(self._folder, opened.validity)
            since = cursor.newest if waiting is None else min(waiting, cursor.newest)
            cursor = replace(cursor, validity=opened.validity, uid=0, since=since)
        else:
            logs.event(_log, "mail.follows", folder=self._folder, after=cursor.uid)
            return cursor
        self._journal.move(self._folder, cursor)
        logs.event(_log, "mail.begins", folder=self._folder, after=cursor.uid)
        return cursor

    def _mark(self, box: Imap, validity: int) -> None:
        uids = self._journal.to_mark(self._folder, validity)
        if uids:
            try:
                box.mark_answered(uids)
            except RequestError as refused:
                logs.event(_log, "mail.unmarked", level=logging.WARNING, why=refused)
            self._journal.marked(self._folder, validity, uids)
