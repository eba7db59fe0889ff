"""What a channel tells the owner of itself: which of its accounts works, which waits, and what was set aside.

Owns: each account's state, and telling the house of it, at once when it changes and once a minute.
Does not know: why an account is as it is, or where the owner reads it. The house asks back which accounts are to be tried again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agent import logs
from agent.channels import _life
from agent.channels._house import House
from agent.errors import NisseError

_log = logging.getLogger(__name__)

_EVERY_S = 60.0
_STOPPED_EVERY_S = 5.0  # somebody may press the button that tries again

WORKS = "works"
WAITS = "waits"
STOPPED = "stopped"


@dataclass(kw_only=True)
class _Way:
    state: str = WORKS
    why: str = ""
    hint: str = ""
    since: float = field(default_factory=time.time)


class Status:
    """How one account is. Safe to use from several threads."""

    def __init__(self, account: str, set_aside: Callable[[], list[dict[str, Any]]] = list) -> None:
        """Begins as one that waits.

        Args:
            account: Its name.
            set_aside: Asked for what was left where it is, for each report.
        """
        self.account = account
        self.changed = threading.Event()
        self.again: list[Callable[[], None]] = []  # called when somebody wants it tried again
        self._set_aside = set_aside
        self._ways: dict[str, _Way] = {}
        self._lock = threading.Lock()

    def works(self, way: str) -> None:
        """One of the account's ways, such as "receiving", works."""
        self._turn(way, _Way())

    def waits(self, way: str, why: NisseError) -> None:
        """One of the ways does not work now, and is tried again by itself."""
        self._turn(way, _Way(state=WAITS, why=why.message, hint=why.hint))

    def stopped(self, way: str, why: NisseError) -> None:
        """One of the ways does not work until somebody does something."""
        self._turn(way, _Way(state=STOPPED, why=why.message, hint=why.hint))

    def news(self) -> None:
        """Something was set aside."""
        self.changed.set()

    @property
    def is_stopped(self) -> bool:
        """Whether one of the ways is stopped."""
        return any(way.state == STOPPED for way in self._ways.values())

    def to_json(self) -> dict[str, Any]:
        """The account's worst way, and what was set aside."""
        ways = sorted(self._ways.values(), key=lambda way: (STOPPED, WAITS, WORKS).index(way.state))
        worst = ways[0] if ways else _Way(state=WAITS, why="It has just been started.")
        return {
            "account": self.account,
            "state": worst.state,
            "why": worst.why,
            "hint": worst.hint,
            "since": worst.since,
            "set_aside": self._set_aside(),
        }

    def _turn(self, way: str, now: _Way) -> None:
        before = self._ways.get(way)
        if before and (before.state, before.why) == (now.state, now.why):
            return
        with self._lock:  # whoever reads meanwhile has the old ones
            self._ways = {**self._ways, way: now}
        self.changed.set()


class Reporting:
    """Tells the house of all accounts of a channel."""

    def __init__(self, house: House, accounts: list[Status]) -> None:
        """Puts the parts together.

        Args:
            house: Who is told.
            accounts: The accounts, which share one event from here on.
        """
        self._house = house
        self._accounts = accounts
        self._changed = threading.Event()
        for account in accounts:
            account.changed = self._changed

    def run(self) -> None:
        """Reports for ever."""
        while True:
            self._changed.clear()
            _life.works()
            try:
                self._report()
            except NisseError as away:
                logs.event(_log, "report.waits", level=logging.DEBUG, why=away)
            stopped = any(account.is_stopped for account in self._accounts)
            _life.wait(self._changed, _STOPPED_EVERY_S if stopped else _EVERY_S)

    def _report(self) -> None:
        wanted = self._house.report([account.to_json() for account in self._accounts])
        for account in self._accounts:
            if account.account in wanted:
                for again in account.again:
                    again()
