"""The steps of an update of Nisse itself, and what follows each. Pure.

    IDLE -> OFFERED -> RESERVED -> DOWNLOADING -> VERIFIED -> HANDED -> REPORTED -> IDLE
               |           |            |             |
               +-----------+------------+-------------+-> IDLE, if the owner declines or it is overtaken; REPORTED, if it fails for good

A step is what is being done now. It is written down before it is done, and doing it twice does no harm. From HANDED on root does
everything: it restarts the house in the midst, and this side learns from root's own record how it ended.

Owns: the table, and what is remembered of an update of Nisse.
Does not know: how any step is done (`machine`), or where it is written (`book`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MOST_HANDED = 5  # times that root is asked for the same program
_LONGEST = 2000  # characters of a text that is kept
_LARGEST_TEXT = 100_000


class Step(StrEnum):
    """What is being done."""

    IDLE = "idle"
    OFFERED = "offered"
    RESERVED = "reserved"
    DOWNLOADING = "downloading"
    VERIFIED = "verified"
    HANDED = "handed"
    REPORTED = "reported"


AFTER = {
    Step.OFFERED: Step.RESERVED,
    Step.RESERVED: Step.DOWNLOADING,
    Step.DOWNLOADING: Step.VERIFIED,
    Step.VERIFIED: Step.HANDED,
    Step.HANDED: Step.REPORTED,
    Step.REPORTED: Step.IDLE,
}
CAN_STOP = (Step.RESERVED, Step.DOWNLOADING, Step.VERIFIED)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One update of Nisse, as `programs/state.json` has it."""

    step: Step = Step.IDLE
    program: str = ""  # its record, as it was signed
    version: str = ""
    sha256: str = ""
    consent: bool = False
    since: float = 0.0  # seconds since 1970 at which it was first offered
    handed: int = 0  # times that root was asked
    outcome: str = ""  # committed, rolled_back, went_back or refused
    reason: str = ""
    sentence: str = ""  # the same for people
    told: str = ""  # of all that root has said, the last that the owner was told
    rest_until: float = 0.0  # seconds since 1970 before which nothing is installed by itself

    @property
    def busy(self) -> bool:
        """Whether an update is under way that began for good."""
        return self.step not in (Step.IDLE, Step.OFFERED)

    def to_json(self) -> dict[str, Any]:
        """As the file has it."""
        return dataclasses.asdict(self)


def offered(record: Record, *, program: str, version: str, sha256: str, since: float) -> Record:
    """The record once a program was found for this box."""
    return Record(
        step=Step.OFFERED,
        program=program,
        version=version,
        sha256=sha256,
        since=since,
        told=record.told,
        rest_until=record.rest_until,
    )


def done(record: Record, **changes: Any) -> Record:
    """The record once its step is done."""
    return dataclasses.replace(record, **{**changes, "step": AFTER[record.step]})


def ended(record: Record, outcome: str, reason: str = "", sentence: str = "") -> Record:
    """The record once it is known how the update ended; what is left is to tell it."""
    return dataclasses.replace(
        record, step=Step.REPORTED, outcome=outcome, reason=reason[:100], sentence=sentence[:_LONGEST]
    )


def idle(record: Record, **changes: Any) -> Record:
    """Nothing is under way; what the owner was told, and the rest that was taken, are still known."""
    return dataclasses.replace(Record(told=record.told, rest_until=record.rest_until), **changes)


def read(row: Mapping[str, Any] | None) -> Record | None:
    """The record that a file holds; None if it holds none that we understand."""
    try:
        if row is None:
            return None
        # The version that wrote it may have been a newer one, from which the box went back.
        known = {
            name: row[name] for name in (each.name for each in dataclasses.fields(Record)) if name in row
        }
        record = Record(**{**known, "step": Step(row.get("step", "idle"))})
    except (TypeError, ValueError):
        return None
    return record if _is_sound(record) else None


def _is_sound(record: Record) -> bool:
    kinds = {"str": str, "int": int, "bool": bool, "float": (int, float), "Step": Step}
    for each in dataclasses.fields(record):
        value, kind = getattr(record, each.name), kinds[str(each.type)]
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):  # type: ignore[arg-type]
            return False
        if isinstance(value, str) and len(value) > _LARGEST_TEXT:
            return False
    return bool(record.program) or not record.busy
