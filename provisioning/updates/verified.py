"""The lists that python-tuf has verified and kept in a folder, read once more: versions, keys, times, paths.

Owns: what we want to know of them that the library does not tell.
Does not know: whether they are believed; it is asked only after that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, Targets

from agent.errors import SettingsError
from provisioning.updates.refusals import RefusedError
from provisioning.updates.release import read_time

ISSUED = "x-nisse-issued"  # our own field of timestamp.json: when it was signed
MODELS = "models"  # the role that may sign for models
PROGRAMS = "programs"  # the one that may sign for versions of Nisse itself; older repositories have none
_MOST_PATHS = 4096


@dataclass(frozen=True, kw_only=True)
class ProgramList:
    """What the verified list of programs says."""

    version: int
    paths: list[str]
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Lists:
    """What one verified state of a repository says."""

    versions: dict[str, int]  # role -> version
    keys: dict[str, str]  # role -> fingerprint of its keys
    paths: list[str]  # of the files that the role for models names
    issued: datetime | None
    ends: dict[str, datetime]  # role -> until when its list is valid

    def check_ends(self, judged_at: datetime) -> None:
        """Looks whether any list had ended already when the newest was signed: python-tuf knows of no such moment.

        Args:
            judged_at: The time by which python-tuf has judged.

        Raises:
            RefusedError: `expired`.
        """
        latest = max(judged_at, self.issued or judged_at)
        ended = sorted(role for role, end in self.ends.items() if end <= latest)
        if ended:
            raise RefusedError("expired", f"{', '.join(ended)} had ended by {latest}")


def read(folder: Path) -> Lists:
    """What the lists in a folder say.

    Raises:
        RefusedError: They are not all there, or say something that cannot be.
    """
    root, targets = _root(folder), _signed(folder, "targets")
    models = _signed(folder, MODELS)
    if root is None or not isinstance(targets, Targets) or not isinstance(models, Targets):
        raise RefusedError("incomplete", "there is no list of models")
    if len(models.targets) > _MOST_PATHS:
        raise RefusedError("endless_data", f"{len(models.targets)} files")
    role = (targets.delegations.roles or {}).get(MODELS) if targets.delegations else None
    keys = {name: _fingerprint(each.keyids) for name, each in root.roles.items()}
    keys[MODELS] = _fingerprint(role.keyids if role else [])
    return Lists(
        versions=versions(folder),
        keys=keys,
        paths=sorted(models.targets),
        issued=_issued(folder),
        ends={name: signed.expires for name, signed in _all(folder).items()},
    )


def delegates_programs(folder: Path) -> bool:
    """Whether the publisher says at all who may sign for programs."""
    targets = _signed(folder, "targets")
    if not isinstance(targets, Targets) or targets.delegations is None:
        return False
    return PROGRAMS in (targets.delegations.roles or {})


def read_programs(folder: Path) -> ProgramList:
    """What the list of programs says.

    Raises:
        RefusedError: It is not there, or says too much.
    """
    found = _signed(folder, PROGRAMS)
    if not isinstance(found, Targets):
        raise RefusedError("incomplete", "there is no list of programs")
    if len(found.targets) > _MOST_PATHS:
        raise RefusedError("endless_data", f"{len(found.targets)} files")
    return ProgramList(version=found.version, paths=sorted(found.targets), end=found.expires)


def versions(folder: Path) -> dict[str, int]:
    """The version of each list that is there."""
    return {name: signed.version for name, signed in _all(folder).items()}


def _all(folder: Path) -> dict[str, Signed]:
    found = {name: _signed(folder, name) for name in ("timestamp", "snapshot", "targets", MODELS)}
    found["root"] = _root(folder)
    return {name: signed for name, signed in found.items() if signed}


def _issued(folder: Path) -> datetime | None:
    timestamp = _signed(folder, "timestamp")
    text = timestamp.unrecognized_fields.get(ISSUED) if timestamp else None
    if timestamp is None or text is None:
        return None
    try:
        moment = read_time(str(text))
    except SettingsError as wrong:
        raise RefusedError("malformed", str(wrong)) from wrong
    if moment > timestamp.expires:
        raise RefusedError("malformed", "the list expired before it was signed")
    return moment


def drop_strange_roots(folder: Path) -> None:
    """Takes away lists of keys that do not follow from the box's own root, as those of another repository before."""
    root = _root(folder)
    if root is None:
        return
    for path in (folder / "root_history").glob("*.root.json"):
        number = path.name.partition(".")[0]
        if not number.isdecimal() or int(number) > root.version:
            path.unlink()


def _root(folder: Path) -> Root | None:
    """The newest list of keys that python-tuf believes: it lets a link point to it."""
    found = _file(folder / "root.json")
    return found if isinstance(found, Root) else None


def _signed(folder: Path, name: str) -> Signed | None:
    return _file(folder / f"{name}.json")


def _file(path: Path) -> Signed | None:
    try:
        signed: Signed = Metadata.from_bytes(path.read_bytes()).signed
    except (OSError, RepositoryError, ValueError):
        return None
    return signed


def _fingerprint(key_ids: list[str]) -> str:
    return hashlib.sha256(" ".join(sorted(key_ids)).encode()).hexdigest()[:16]
