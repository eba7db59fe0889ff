"""Looking for a release for this box: when the server is asked, and what of its news is offered or installed by itself.

Owns: when the next look is due, and joining what is believed, what serves and what the owner wants.
Does not know: what may be believed (`metadata`), the rules (`trust`), nor what is done with what was found (`update`).
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from agent import logs
from agent.errors import NisseError
from agent.models.catalogue import ROLES
from provisioning.updates import sticks, trust
from provisioning.updates.news import News
from provisioning.updates.parts import Parts
from provisioning.updates.refusals import SENTENCES, RefusedError
from provisioning.updates.release import Release
from provisioning.updates.states import Record
from provisioning.updates.trust import Moment, Present, Verdict

_log = logging.getLogger(__name__)

_DAY_S = 86_400.0
_FIRST_S = 120.0  # after a start: the house has more urgent things to do
_AGAIN_S = 900.0  # after a failure; it doubles
_MOST_S = 4 * _DAY_S
_NOBODY_S = 60.0  # after which it is seen anew whether there is somebody to ask: a stick may have come
# The publisher leaves others go first; who asks for it gets it all the same.
_OFFERED = frozenset({"one_day", "other_boxes_first"})


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a look came to."""

    release: Release | None = None  # to offer
    by_itself: bool = False  # it may be installed without a word
    gone: bool = False  # what was offered is no longer
    overtaken: bool = False  # there is a newer one, or it was taken back
    withdrawn: str = ""  # why what serves should serve no longer
    again_in: float = 60.0


class Looking:
    """The looks of one house. Used by one thread, but for `soon`."""

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.time) -> None:
        """Asks nobody yet."""
        self._parts, self._clock = parts, clock
        self._due = time.monotonic() + random.uniform(_FIRST_S, 3 * _FIRST_S)  # noqa: S311
        self._failures = 0
        self._relaxed = False
        self._read = False
        self._news: News | None = None
        self.at: float | None = None
        self.waits = ""
        self.trouble = ""  # why the last look came to nothing, a sentence
        self.reason = ""  # the same by its name

    def soon(self, *, relaxed: bool = False) -> None:
        """The owner wants it now.

        Args:
            relaxed: And from a stick that may have been written a while ago.
        """
        self._due, self._failures, self._relaxed = 0.0, 0, relaxed

    @property
    def again_in(self) -> float:
        """Seconds until the server is asked again."""
        return max(0.0, self._due - time.monotonic())

    @property
    def _pause(self) -> float:
        """Seconds until the next look. Where one is due all the same, nobody could be asked, and that does not change at once."""
        return self.again_in or _NOBODY_S

    @property
    def warning(self) -> str:
        """What the owner should know of what serves; mostly empty."""
        news = self._news
        reasons = (
            [trust.withdrawn(news.releases, role, self._present(news)) for role in ROLES] if news else []
        )
        return next((SENTENCES[reason] for reason in reasons if reason), "")

    def look(self, record: Record) -> Found:
        """Looks what there is.

        Args:
            record: What is offered already.
        """
        self._refresh()
        news = self._news
        if news is None:
            return Found(again_in=self._pause)
        present, when = self._present(news), news.moment(self._now())
        if not when.current and not self._failures and self._parts.wishes.policy != trust.NEVER:
            self._due = 0.0  # asked long ago, as after a time without power
        choice = self._choice(news, present, when, record)
        self.waits = self._why(choice[0], choice[1]) if choice else ""
        return Found(
            release=choice[0] if choice else None,
            by_itself=bool(choice and choice[1].good and not self.waits),
            gone=choice is None,
            overtaken=_overtaken(news, choice[0] if choice else None, record),
            withdrawn=self._withdrawn(news, present),
            again_in=self._pause,
        )

    def _choice(
        self, news: News, present: Present, when: Moment, record: Record
    ) -> tuple[Release, Verdict] | None:
        """What is offered already, as long as nothing newer of its role is there; else the newest of either role."""
        found = []
        for role in ROLES:
            chosen = trust.choose(
                news.releases, role, self._parts.box, present, when, delay=self._parts.wishes.delay
            )
            if chosen and (chosen.verdict.good or chosen.verdict.reason in _OFFERED):
                found.append((chosen.release, chosen.verdict))
        good = [each for each in found if each[1].good]
        offered = [each for each in found if each[0].seq == record.seq]
        return next(iter(offered or good or found), None)

    def _why(self, release: Release, verdict: Verdict) -> str:
        """Why it is not installed by itself."""
        wishes = self._parts.wishes
        if wishes.named(release.role):
            return f"You named {wishes.named(release.role)} in the settings, and it is obeyed."
        if not verdict.good:
            return verdict.sentence
        return "" if trust.permitted(wishes.policy, asked=False) else "It waits for your word."

    def _withdrawn(self, news: News, present: Present) -> str:
        """Why to go back to the set before by itself: what serves was taken back, and that one was not."""
        previous = self._parts.sets.previous()
        if previous is None or not trust.permitted(self._parts.wishes.policy, asked=False):
            return ""
        before = Present(serving=previous.releases, floors=news.floors)
        for role in ROLES:
            reason = trust.withdrawn(news.releases, role, present)
            if reason and not trust.withdrawn(news.releases, role, before):
                return reason
        return ""

    def _present(self, news: News) -> Present:
        serving = self._parts.sets.serving()
        return Present(
            serving=serving.releases if serving else {}, floors=news.floors, bad=self._parts.bad.hashes()
        )

    def _refresh(self) -> None:
        if not self._read:
            self._read = True
            self._news = self._quietly(self._parts.source.known)
        never = self._parts.wishes.policy == trust.NEVER and self._due > 0
        if time.monotonic() < self._due or never:
            return
        if not self._parts.wishes.source and not sticks.repositories():
            return
        relaxed, self._relaxed = self._relaxed, False
        try:
            self._news = self._parts.source.refresh(relaxed=relaxed)
        except NisseError as failed:
            self._failed(failed)
        else:
            self._failures, self.trouble, self.reason, self.at = 0, "", "", self._clock()
            self._due = time.monotonic() + _DAY_S * random.uniform(0.8, 1.2)  # noqa: S311 - so that not all ask at once

    def _failed(self, failed: NisseError) -> None:
        reason = failed.reason if isinstance(failed, RefusedError) else failed.key
        pause = min(_MOST_S, _AGAIN_S * 2 ** min(self._failures, 10))
        self._failures += 1
        self.trouble, self.reason = failed.message, reason
        self._due = time.monotonic() + pause * random.uniform(0.8, 1.2)  # noqa: S311
        logs.event(_log, "updates.not_seen", level=logging.WARNING, reason=reason, why=failed)

    def _quietly(self, ask: Callable[[], News | None]) -> News | None:
        try:
            return ask()
        except NisseError as failed:
            logs.event(_log, "updates.not_known", level=logging.WARNING, why=failed)
            return None

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _overtaken(news: News, chosen: Release | None, record: Record) -> bool:
    """Whether the release of a record need not be fetched any more."""
    present = next((release for release in news.releases if release.seq == record.seq), None)
    if present is None or present.yanked:
        return True
    return chosen is not None and chosen.role == present.role and chosen.seq > present.seq
