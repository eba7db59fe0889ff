"""What is remembered of an update of the system, over the restart that ends it.

Owns: the record, and what is to be told of it: pure, from which slot runs and whether the box was started anew since.
Does not know: bundles, nor RAUC.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from agent import durable
from provisioning.box.places import Places

_FILE = "system.json"
INSTALLING, INSTALLED, FAILED = "installing", "installed", "failed"  # what is remembered
IDLE, TRYING, KEPT, GONE_BACK = "idle", "trying", "kept", "gone_back"  # what a later start makes of it


@dataclass(frozen=True, kw_only=True)
class Record:
    """The last update."""

    state: str
    version: str
    slot: str  # that ran then: a or b
    boot: str  # the start of the box in which it was installed
    at: float  # seconds since 1970
    sentence: str = ""  # why it failed


@dataclass(frozen=True, kw_only=True)
class Moment:
    """How things are now."""

    slot: str  # that runs: a or b
    boot: str  # this start of the box
    is_on_trial: bool  # the slot was not found well yet
    is_busy: bool  # something is being installed by this process


def read(places: Places) -> Record | None:
    """What is remembered; None where there is nothing, or a torn file."""
    row = durable.read_sealed(places.shared / _FILE) or {}
    if set(row) != {each.name for each in dataclasses.fields(Record)}:
        return None
    texts = (value for name, value in row.items() if name != "at")
    if not all(isinstance(value, str) for value in texts) or type(row["at"]) not in (int, float):
        return None
    return Record(**row)


def write(places: Places, record: Record) -> None:
    """Remembers.

    Raises:
        OSError: The disk does not take it; what was remembered stands.
    """
    durable.write_sealed(places.shared / _FILE, dataclasses.asdict(record))


def told(record: Record | None, now: Moment) -> dict[str, Any]:
    """What the owner is told: a state, the version, a sentence, and when.

    Args:
        record: What is remembered.
        now: How things are.
    """
    if record is None:
        return {"state": IDLE, "version": "", "sentence": "", "at": 0.0}
    state = _state(record, now)
    own = record.sentence if state == record.state else ""
    return {
        "state": state,
        "version": record.version if state != IDLE else "",
        "sentence": own or _SENTENCES[state].format(version=record.version),
        "at": record.at,
    }


def _state(record: Record, now: Moment) -> str:
    if record.boot == now.boot:
        return FAILED if record.state == INSTALLING and not now.is_busy else record.state
    if record.state == FAILED:
        return IDLE
    if now.slot != record.slot:  # also where the plug was pulled before the end was written down
        return TRYING if now.is_on_trial else KEPT
    return GONE_BACK if record.state == INSTALLED else FAILED


_SENTENCES = {
    IDLE: "",
    INSTALLING: "Version {version} is being installed. That takes some minutes; leave the stick where it is. The house goes on meanwhile.",
    INSTALLED: "Version {version} is installed. The box tries it from the next start on, and goes back by itself if it is not well within "
    "three starts.",
    FAILED: "Installing {version} was broken off. The system is as it was; install it once more.",
    TRYING: "The box tries the system {version}. If it is not well within three starts, the one before comes back by itself.",
    KEPT: "The system is now {version}.",
    GONE_BACK: "The system {version} did not do well, so the box went back to the one before.",
}
