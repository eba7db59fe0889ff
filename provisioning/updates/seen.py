"""What this box has already believed, so that nobody can lead it back: versions, the latest signed moment, the security floors.

Owns: the record, and when it is rightly forgotten: once the keys were changed, as after a theft.
Does not know: how anything is verified (`metadata`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.errors import SettingsError
from provisioning.updates import trust
from provisioning.updates.release import read_time, write_time

_ROLES = ("root", "timestamp", "snapshot", "targets", "models")
# If one of these keys is another, all that it signed may be forgotten; else a thief could have set the numbers out of reach for ever.
_VERSION_KEYS, _FLOOR_KEYS = ("timestamp", "snapshot"), ("models",)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was believed so far."""

    versions: Mapping[str, int] = field(default_factory=dict)  # of each role's list
    keys: Mapping[str, str] = field(default_factory=dict)  # a fingerprint of each role's keys
    issued: datetime | None = None  # when the latest list was signed
    floors: Mapping[str, int] = field(default_factory=dict)  # role of a model -> lowest seq that may serve
    fetched_at: datetime | None = None  # by this box's clock
    asked_since: datetime | None = None  # likewise, as long as nothing was believed
    begun_with: str = ""  # sha256 of the root that came with the box

    def rolled_back(self, versions: Mapping[str, int]) -> str:
        """A role whose list is older than the one that was believed; empty: none is."""
        return next((role for role in _ROLES if versions.get(role, 0) < self.versions.get(role, 0)), "")

    def under(self, keys: Mapping[str, str]) -> Seen:
        """What is left of it under other keys."""
        forget_versions = any(self.keys.get(role) not in (None, keys.get(role)) for role in _VERSION_KEYS)
        forget_floors = any(self.keys.get(role) not in (None, keys.get(role)) for role in _FLOOR_KEYS)
        return Seen(
            # Root's own version is bound to no key: each root is signed by the one before.
            versions={"root": self.versions.get("root", 0)} if forget_versions else self.versions,
            keys=keys,
            issued=None if forget_versions else self.issued,
            floors={} if forget_floors else self.floors,
            fetched_at=self.fetched_at,
            asked_since=self.asked_since,
            begun_with=self.begun_with,
        )

    def begin_with(self, sha256: str) -> Seen:
        """What is left of it when the box came to another root: by a new image, or by its owner's word.

        That root may be of another repository, whose versions begin anew. Of the same one the list itself still knows the versions.
        """
        if self.begun_with in ("", sha256):
            return dataclasses.replace(self, begun_with=sha256)
        return dataclasses.replace(self, begun_with=sha256, versions={})

    def and_also(self, other: Seen) -> Seen:
        """Both memories together; of what they disagree on, the later."""
        return Seen(
            versions=_highest(self.versions, other.versions),
            keys={**other.keys, **self.keys},
            issued=max(filter(None, (self.issued, other.issued)), default=None),
            floors=_highest(self.floors, other.floors),
            fetched_at=self.fetched_at or other.fetched_at,
            asked_since=self.asked_since or other.asked_since,
            begun_with=self.begun_with or other.begun_with,
        )

    def warning(self, now: datetime) -> str:
        """A sentence where nothing was heard for long; else empty."""
        return trust.no_news(now, self.fetched_at or self.asked_since)

    def to_json(self) -> dict[str, Any]:
        """The record."""
        return {
            "versions": dict(self.versions),
            "keys": dict(self.keys),
            "floors": dict(self.floors),
            "begun_with": self.begun_with,
            **{name: _text(getattr(self, name)) for name in ("issued", "fetched_at", "asked_since")},
        }


def from_json(row: Mapping[str, Any] | None) -> Seen:
    """What a record says; nothing where it is none: it may be torn."""
    if row is None:
        return Seen()
    try:
        return Seen(
            versions=_numbers(row.get("versions")),
            floors=_numbers(row.get("floors")),
            keys={str(role): str(value) for role, value in _table(row.get("keys")).items()},
            begun_with=str(row.get("begun_with", "")),
            issued=_moment(row.get("issued")),
            fetched_at=_moment(row.get("fetched_at")),
            asked_since=_moment(row.get("asked_since")),
        )
    except SettingsError:
        return Seen()


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {*one, *other}}


def _numbers(value: Any) -> dict[str, int]:
    return {str(name): number for name, number in _table(value).items() if type(number) is int and number > 0}


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _moment(text: Any) -> datetime | None:
    return read_time(text) if isinstance(text, str) and text else None


def _text(moment: datetime | None) -> str:
    return write_time(moment) if moment else ""
