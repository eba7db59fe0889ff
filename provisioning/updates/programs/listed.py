"""What a verified repository says of programs. Its list of programs is signed by a role of its own, which may be late or robbed.

Owns: reading that list, and that what is wrong with it costs the models nothing.
Does not know: how signatures are verified (python-tuf), nor which program is for this box (`rules`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agent import logs
from provisioning.updates import verified
from provisioning.updates.news import Records, Target
from provisioning.updates.programs.record import Program
from provisioning.updates.reading import Reading
from provisioning.updates.refusals import RefusedError

_log = logging.getLogger(__name__)

_ANY = "programs/any/any.json"  # asked for only so that the delegated list is verified


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What is believed of programs."""

    programs: tuple[Program, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)  # path of a record -> reason
    targets: Mapping[str, Target] = field(default_factory=dict)
    version: int = 0  # of the list; 0: there is none
    end: datetime | None = None
    trouble: str = ""  # the reason why nothing is believed


def read(reading: Reading, records: Records, seen: int) -> Listed:
    """What is said of programs; nothing where the publisher has none.

    Args:
        reading: The repository; its other lists are believed already.
        records: Keeps the programs' own records.
        seen: The version of the list that was believed last.
    """
    try:
        return _read(reading, records, seen)
    except RefusedError as refused:
        logs.event(
            _log,
            "programs.refused",
            level=logging.WARNING,
            source=reading.source,
            reason=refused.reason,
            detail=refused.detail,
        )
        return Listed(trouble=refused.reason)


def _read(reading: Reading, records: Records, seen: int) -> Listed:
    if not verified.delegates_programs(reading.work):
        return Listed()
    reading.load(_ANY)
    found = verified.read_programs(reading.work)
    if found.version < seen:
        raise RefusedError("rollback", "the list of programs is older than the one that was believed")
    if found.end <= reading.judged_at:
        raise RefusedError("expired", f"the list of programs had ended by {reading.judged_at}")
    targets = reading.targets(found.paths)
    programs, refused = records.read_programs(targets, reading.small)
    return Listed(programs=programs, refused=refused, targets=targets, version=found.version, end=found.end)
