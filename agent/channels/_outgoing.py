"""Replies on their way out: each exactly once, whatever fails and whenever the process dies.

Owns: the steps from answered to sent, trying again, and giving up.
Does not know: how a reply is carried; a `Carrier` does, and can say whether an earlier try arrived.
"""

from __future__ import annotations

import logging
import time
from typing import Protocol

from agent import logs
from agent.channels import _life
from agent.channels._house import House
from agent.channels._patience import REFUSED_BEFORE, REFUSED_HINT, Patience, Refusals
from agent.channels._reporting import Status
from agent.errors import (
    AuthenticationError,
    ConflictError,
    NisseError,
    NotFoundError,
    SettingsError,
    StorageError,
    UnavailableError,
    UnreachableError,
)
from agent.message import Reply

_log = logging.getLogger(__name__)

_WAY = "sending"

_LONGEST_WAIT_S = 60.0  # while conversation is away
_LONGEST_RETRY_S = 24 * 3600.0
_AWAY_RETRY_S = (
    60.0  # the first try again where nobody answered: more often the house's own line than the far end
)
_LONGEST_AWAY_RETRY_S = 3600.0
_TRIED_FOR_S = 5 * 24 * 3600.0  # about as long as mail servers try
_TRIED_TIMES = 3  # at the least: the box may have been off meanwhile


def retry_after(tries: int, first: float, why: NisseError) -> float:
    """Seconds until a reply that could not be sent is tried again.

    Args:
        tries: How often it was tried.
        first: Seconds after the first try.
        why: What kept it: a server that says "not now" is asked less often than one that could not be reached.
    """
    away = isinstance(why, UnreachableError)
    begin, longest = (min(first, _AWAY_RETRY_S), _LONGEST_AWAY_RETRY_S) if away else (first, _LONGEST_RETRY_S)
    return min(longest, max(begin, why.retry_after or 0) * 2.0 ** min(tries - 1, 20))


class Carrier(Protocol):
    """Carries replies by one channel."""

    def carry(self, reply: Reply) -> bool:
        """Sends the reply.

        Returns:
            True if it went out for certain; False if the connection broke when it may have.

        Raises:
            UnavailableError, StorageError: It certainly did not go out; later it may.
            AuthenticationError, SettingsError: It did not go out, and will not until the settings change.
            RequestError: It never will.
        """

    def was_carried(self, reply: Reply) -> bool | None:
        """Whether an earlier try of this reply went out; None while that cannot be said yet.

        Raises:
            AuthenticationError: The far end refuses the password.
        """

    def settle(self, reply: Reply) -> None:
        """Does what is left to do about a reply that went out; called before it is reported."""


class Outgoing:
    """One channel's way out."""

    def __init__(
        self,
        house: House,
        carrier: Carrier,
        *,
        retry: float,
        refusals: Refusals | None = None,
        status: Status | None = None,
    ) -> None:
        """Puts the parts together.

        Args:
            house: Where the replies are fetched.
            carrier: What carries them.
            retry: Seconds until the second try; each further one takes twice as long, at last a day.
            refusals: Counts refused passwords; none: a plain count.
            status: What the owner is told; none: nothing.
        """
        self._house = house
        self._carrier = carrier
        self._retry = retry
        self._carried: set[str] = set()  # went out, but conversation could not be told yet
        self._tries: dict[str, int] = {}
        self._refusals = refusals or Refusals()
        self._status = status or Status("")

    def run(self) -> None:
        """Sends for ever."""
        away, unsure = Patience(_LONGEST_WAIT_S), Patience(_LONGEST_WAIT_S)
        while True:
            self._wait_as_before()
            try:
                if self.send_waiting():
                    unsure.reset()
                else:
                    unsure.wait()
                away.reset()
            except (AuthenticationError, SettingsError) as refused:
                self._wait_for_settings(refused)
            except NisseError as why:
                if away.failures == 0:
                    logs.event(_log, "replies.wait", level=logging.WARNING, why=why)
                away.wait()

    def _wait_as_before(self) -> None:
        """What was refused before this start is not tried at once."""
        left = self._refusals.left()
        if left:
            self._status.stopped(_WAY, AuthenticationError(REFUSED_BEFORE, hint=REFUSED_HINT))
            self._refusals.sleep(left)

    def _wait_for_settings(self, refused: NisseError) -> None:
        wait = self._refusals.next_wait()
        logs.event(_log, "replies.refused", level=logging.WARNING, why=refused, tries=self._refusals.count)
        if self._refusals.slow:
            logs.event(
                _log,
                "replies.stopped",
                level=logging.ERROR,
                why=self._refusals.why,
                hint="correct the settings; sending then goes on by itself",
            )
            self._status.stopped(_WAY, refused)
        else:
            self._status.waits(_WAY, refused)
        self._refusals.sleep(wait)

    def send_waiting(self) -> bool:
        """Sends what waits now.

        Returns:
            False if some replies may or may not have gone out, so that looking again at once makes no sense.

        Raises:
            AuthenticationError, SettingsError: Nothing goes out until the settings change; each reply that is left would try the
                same password again.
        """
        _life.waits()
        replies = self._house.replies()
        unsure = [reply for reply in replies if not self._see_off(reply)]
        return not unsure

    def _see_off(self, reply: Reply) -> bool:
        _life.works()
        earlier = reply.id in self._carried or (reply.state == "sending" and self._carrier.was_carried(reply))
        if earlier is None:
            return False
        try:
            if earlier:
                logs.event(_log, "reply.found", id=reply.id, outgoing_id=reply.outgoing_id)
                self._settle(reply)
                return True
            self._house.sending(reply)
        except (ConflictError, NotFoundError) as gone:
            logs.event(_log, "reply.skipped", id=reply.id, why=gone.message)
            return True
        return self._carry(reply)

    def _carry(self, reply: Reply) -> bool:
        try:
            certain = self._carrier.carry(reply)
        except (UnavailableError, StorageError) as later:
            self._put_off(reply, later)
            return True
        except (AuthenticationError, SettingsError) as stuck:
            self._put_off(reply, stuck)
            raise
        except NisseError as never:
            logs.event(_log, "reply.failed", level=logging.WARNING, id=reply.id, why=never)
            self._house.failed(reply, str(never))
            return True
        self._refusals.reset()
        self._status.works(_WAY)
        if not certain:
            logs.event(_log, "reply.unsure", level=logging.WARNING, id=reply.id)
            return False
        self._settle(reply)
        return True

    def _settle(self, reply: Reply) -> None:
        self._carried.add(reply.id)
        self._carrier.settle(reply)
        self._house.sent(reply)
        self._carried.discard(reply.id)
        self._tries.pop(reply.id, None)
        logs.event(_log, "reply.sent", id=reply.id, outgoing_id=reply.outgoing_id)

    def _put_off(self, reply: Reply, why: NisseError) -> None:
        tries = self._tries[reply.id] = self._tries.get(reply.id, 0) + 1
        if time.time() - reply.created_at > _TRIED_FOR_S and tries > _TRIED_TIMES:
            self._house.failed(reply, f"{why} (tried for five days)")
            return
        after = retry_after(tries, self._retry, why)
        if isinstance(why, UnreachableError):
            self._status.waits(_WAY, why)
        logs.event(_log, "reply.put_off", level=logging.WARNING, id=reply.id, why=why, seconds=round(after))
        self._house.retry(reply, str(why), after)
