"""What may be believed and taken: time, versions, roll-out, the owner's word. Pure: no disk, no network, no clock of its own.

Owns: the rules by which a believed release is offered to this box, waits, or is refused, each with a named reason.
Does not know: signatures (`metadata`), how a release is fetched, nor how it did in its trial.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from provisioning.updates.refusals import SENTENCES
from provisioning.updates.release import Release, Rollout

AUTOMATIC, ASK, NEVER = POLICIES = ("automatic", "ask", "never")
DELAY = timedelta(days=1)
# What passes by itself; everything else stays as it is until the publisher says something new.
WAITS = frozenset({"not_yet", "other_boxes_first", "one_day", "clock", "stale"})
_TOLERANCE = timedelta(minutes=10)  # between the publisher's clock and ours
_NO_NEWS = timedelta(days=14)


@dataclass(frozen=True, kw_only=True)
class Box:
    """This machine."""

    id: str  # by chance, made once, told to nobody
    memory: int  # MB
    agent: str  # the version of Nisse


class Dated(Protocol):
    """What is published for some boxes first: a release of a model, or a version of Nisse itself."""

    @property
    def rollout(self) -> Rollout:
        """Whose turn it is."""

    @property
    def published(self) -> datetime | None:
        """When it came out."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The time, as far as it is known."""

    now: datetime
    known: bool  # the clock does not contradict what was signed
    current: bool = True  # what was signed is still valid now


@dataclass(frozen=True, kw_only=True)
class Present:
    """What this box has of releases."""

    serving: Mapping[str, int] = field(default_factory=dict)  # role -> seq of the release that serves
    floors: Mapping[str, int] = field(default_factory=dict)  # role -> lowest seq that may still serve
    bad: Collection[str] = ()  # sha256 of files that did not do well here


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a release is for this box, now."""

    reason: str = ""  # one of SENTENCES; empty: it is
    until: datetime | None = None  # when the reason passes, where that is known

    @property
    def good(self) -> bool:
        """It may be taken now."""
        return not self.reason

    @property
    def waits(self) -> bool:
        """It may be taken later."""
        return self.reason in WAITS

    @property
    def sentence(self) -> str:
        """For people; empty where it is good."""
        return SENTENCES[self.reason] if self.reason else ""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The release to take, or else the one that this box waits for."""

    release: Release
    verdict: Verdict


def moment(clock: datetime, floor: datetime | None, ends: datetime | None = None) -> Moment:
    """The time to judge by: never earlier than what was signed by then.

    A box without a battery wakes up in 1970, where nothing ever expires. The other way round the clock is believed: too late an hour
    refuses everything, which does no harm and ends once the clock is set.

    Args:
        clock: What the box's clock says.
        floor: The latest moment at which something believed was signed, if that is known.
        ends: Until when the lists are valid; None: that does not matter.
    """
    known = floor is None or clock >= floor - _TOLERANCE
    now = clock if known or floor is None else floor
    return Moment(now=now, known=known, current=ends is None or now < ends)


def judge(
    release: Release,
    box: Box,
    present: Present,
    when: Moment,
    *,
    delay: timedelta = DELAY,
    asked: bool = False,
) -> Verdict:
    """Whether a believed release is for this box, now.

    Args:
        release: Which.
        box: This machine.
        present: What it has.
        when: The time.
        delay: How long a release is left to others first.
        asked: The owner wants it now: no waiting for others, and none for a day.
    """
    reason = _never(release, box, present)
    verdict = Verdict(reason=reason) if reason else in_time(release, box, when, delay=delay, asked=asked)
    if verdict.good and not (when.known and when.current):
        return Verdict(reason="stale" if when.known else "clock")
    return verdict


def choose(
    releases: Iterable[Release],
    role: str,
    box: Box,
    present: Present,
    when: Moment,
    *,
    delay: timedelta = DELAY,
    asked: bool = False,
) -> Choice | None:
    """The newest release of a role that is good for this box; else the newest that it only waits for; else none."""
    found = [
        Choice(release=release, verdict=judge(release, box, present, when, delay=delay, asked=asked))
        for release in sorted(releases, key=lambda each: each.seq, reverse=True)
        if release.role == role
    ]
    good = (choice for choice in found if choice.verdict.good)
    waiting = (choice for choice in found if choice.verdict.waits)
    return next(good, None) or next(waiting, None)


def withdrawn(releases: Iterable[Release], role: str, present: Present) -> str:
    """Why what serves should serve no longer: `yanked`, `security_floor`, or empty."""
    serving = present.serving.get(role, 0)
    if not serving:
        return ""
    if any(release.seq == serving and release.role == role and release.yanked for release in releases):
        return "yanked"
    return "security_floor" if serving < present.floors.get(role, 0) else ""


def permitted(policy: str, *, asked: bool) -> bool:
    """Whether the owner lets it be installed. Nothing that a publisher says overrules it.

    Args:
        policy: One of POLICIES.
        asked: The owner has asked for this very release.
    """
    return asked or policy == AUTOMATIC


def floors(releases: Iterable[Release], known: Mapping[str, int]) -> dict[str, int]:
    """The lowest seq of each role that may still serve. It never falls.

    Args:
        releases: All that are believed.
        known: What was known before.
    """
    found = dict(known)
    for release in releases:
        found[release.role] = max(found.get(release.role, 0), release.security_floor)
    return found


def bucket(salt: str, box_id: str) -> int:
    """This box's place among a hundred, by chance but always the same for one salt."""
    digest = hashlib.sha256(f"{salt}\0{box_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100


def no_news(now: datetime, since: datetime | None) -> str:
    """A sentence for the owner where nothing was heard of the update server for long; else empty.

    Args:
        now: The time.
        since: When something was last believed, or first asked for.
    """
    if since is None or now - since < _NO_NEWS:
        return ""
    return f"There has been no news about models for {(now - since).days} days. Is the update server's address still right?"


def _never(release: Release, box: Box, present: Present) -> str:
    """What no waiting changes."""
    rules = (
        ("yanked", bool(release.yanked)),
        ("security_floor", release.seq < present.floors.get(release.role, 0)),
        ("not_newer", release.seq <= present.serving.get(release.role, 0)),
        ("known_bad", any(file.sha256 in present.bad for file in release.files)),
        ("old_agent", version_number(release.min_agent) > version_number(box.agent)),
        ("too_little_memory", box.memory < release.min_ram_mb),
        ("too_much_memory", 0 < release.max_ram_mb < box.memory),
    )
    return next((reason for reason, holds in rules if holds), "")


def in_time(release: Dated, box: Box, when: Moment, *, delay: timedelta, asked: bool) -> Verdict:
    """What time changes; the arguments are those of `judge`."""
    rollout = release.rollout
    free = _free_from(release, delay)
    rules = (
        ("no_longer", bool(rollout.not_after and when.now >= rollout.not_after), None),
        ("not_yet", bool(rollout.not_before and when.now < rollout.not_before), rollout.not_before),
        ("other_boxes_first", not asked and bucket(rollout.salt, box.id) >= rollout.percent, None),
        ("one_day", bool(not asked and free and when.now < free), free),
    )
    return next((Verdict(reason=reason, until=until) for reason, holds, until in rules if holds), Verdict())


def _free_from(release: Dated, delay: timedelta) -> datetime | None:
    if release.rollout.critical:
        return None
    begin = max(filter(None, (release.published, release.rollout.not_before)), default=None)
    return begin + delay if begin else None


def version_number(text: str) -> tuple[int, ...]:
    """To compare; what is no number, such as the end of 0.5.dev1, counts as nothing."""
    numbers = [int(part) if part.isascii() and part.isdigit() else 0 for part in text.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
