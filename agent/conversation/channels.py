"""What the channels say of themselves: which of their accounts works, which waits and why, and what they set aside.

Owns: the last report of each channel, in memory: a channel reports again within a minute, so nothing of it is worth a write.
Does not know: any channel, or what the owner is shown.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from agent.errors import RequestError

_MOST_CHANNELS = 50
_MOST_ACCOUNTS = 50
_MOST_SET_ASIDE = 50
_LONGEST = 500  # characters of a word in a report
_ACCOUNT_FIELDS = ("account", "state", "why", "hint")
_SET_ASIDE_FIELDS = ("sender", "subject", "why", "folder")


class Channels:
    """The reports. Safe to use from several threads."""

    def __init__(self) -> None:
        """Starts without any."""
        self._lock = threading.Lock()
        self._reports: dict[str, dict[str, Any]] = {}
        self._again: dict[str, set[str]] = {}

    def report(self, channel: str, body: dict[str, Any]) -> list[str]:
        """Keeps what a channel says.

        Args:
            channel: Which channel.
            body: `accounts`, a list of objects with `account`, `state` (works, waits or stopped), `why`, `hint`, `since`, and
                `set_aside`, a list of the mails that were left where they are, each with `sender`, `subject`, `why`, `folder`, `at`.

        Returns:
            The accounts that somebody wants to be tried again.

        Raises:
            RequestError: It is no such report.
        """
        accounts = [_account(one) for one in _list(body.get("accounts"), _MOST_ACCOUNTS)]
        with self._lock:
            if channel not in self._reports and len(self._reports) >= _MOST_CHANNELS:
                raise RequestError("There are too many channels.")
            self._reports[channel] = {"channel": channel, "at": time.time(), "accounts": accounts}
            return sorted(self._again.pop(channel, set()))

    def everything(self) -> list[dict[str, Any]]:
        """The last report of each channel, by name."""
        with self._lock:
            return [self._reports[name] for name in sorted(self._reports)]

    def again(self, channel: str, account: str) -> None:
        """Has a stopped account tried again; the channel hears of it with its next report."""
        with self._lock:
            if channel in self._reports:
                self._again.setdefault(channel, set()).add(account[:_LONGEST])


def _account(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise RequestError("An account must be a JSON object.", param="accounts")
    set_aside = [
        {**_words(one, _SET_ASIDE_FIELDS), "at": _moment(one.get("at"))}
        for one in _list(given.get("set_aside", []), _MOST_SET_ASIDE)
        if isinstance(one, dict)
    ]
    return {
        **_words(given, _ACCOUNT_FIELDS),
        "since": _moment(given.get("since")),
        "set_aside": set_aside,
    }


def _list(given: Any, most: int) -> list[Any]:
    if not isinstance(given, list):
        raise RequestError("A report needs a list of accounts.", param="accounts")
    return given[:most]


def _words(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {name: str(given.get(name, ""))[:_LONGEST] for name in names}


def _moment(given: Any) -> float:
    return float(given) if isinstance(given, int | float) and not isinstance(given, bool) else 0.0
