"""Changing releases that are out: roll-out, taking back, the security floor, throwing away old files.

Owns: rewriting a release's own record, under a new hash, and naming it in the list anew.
Does not know: how a list is signed (`repository`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import TargetFile, Targets

from agent.errors import NotFoundError, SettingsError
from provisioning.release import making, programs
from provisioning.release.repository import Keys, Lacking, Repository
from provisioning.updates import release
from provisioning.updates.news import Target, target_url
from provisioning.updates.release import Release
from provisioning.updates.verified import MODELS


def releases(repository: Repository) -> list[Release]:
    """All releases of the newest list, the newest first.

    Raises:
        NotFoundError: A record is missing.
    """
    signed: Targets = repository.newest(MODELS).signed
    found = [_read(repository.folder, target) for target in _records(signed)]
    return sorted(found, key=lambda each: each.seq, reverse=True)


def roll_out(
    repository: Repository,
    seq: int,
    at_hand: Keys,
    *,
    percent: int | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    critical: bool | None = None,
) -> list[Lacking]:
    """Changes whose turn a release is, and when; what is None stays."""
    given = {"percent": percent, "not_before": not_before, "not_after": not_after, "critical": critical}
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise SettingsError("Nothing is to be changed.", hint="Say --percent, --from, --until or --critical.")

    def change(old: Release) -> Release:
        return dataclasses.replace(old, rollout=dataclasses.replace(old.rollout, **changes))  # type: ignore[arg-type]

    return _rewrite(repository, seq, change, at_hand)


def yank(repository: Repository, seq: int, why: str, at_hand: Keys) -> list[Lacking]:
    """Takes a release back: no box takes it any more, and one that has it looks for another.

    Args:
        repository: Which.
        seq: The release.
        why: A sentence for owners.
        at_hand: Private keys.
    """
    if not why.strip():
        raise SettingsError("Owners should read why it is taken back.", hint="Say so by --why.")
    return _rewrite(repository, seq, lambda old: dataclasses.replace(old, yanked=why), at_hand)


def raise_floor(repository: Repository, seq: int, at_hand: Keys) -> list[Lacking]:
    """Makes a release the oldest of its role that boxes may still serve. This cannot be undone: boxes remember it."""
    return _rewrite(repository, seq, lambda old: dataclasses.replace(old, security_floor=seq), at_hand)


def prune(repository: Repository, keep: int, at_hand: Keys) -> tuple[list[int], list[Lacking]]:
    """Takes old releases from the list and their files from the disk; of each role the newest stay, as does what bears a floor.

    Returns:
        The releases that are gone, and the lists that lack signatures; files go only once all is signed.
    """
    if keep < 1:
        raise SettingsError("At least one release of each role must stay.")
    found = releases(repository)
    kept = {each.seq for role in ("chat", "embed") for each in _of(found, role)[:keep]}
    kept |= {each.seq for each in found if each.security_floor}
    gone = sorted({each.seq for each in found} - kept)
    lacking: list[Lacking] = []
    if gone:
        begins = tuple(f"models/{seq}/" for seq in gone)

        def drop(signed: Targets) -> None:
            signed.targets = {
                path: target for path, target in signed.targets.items() if not path.startswith(begins)
            }

        lacking = repository.change(MODELS, drop, at_hand)
    if not lacking:
        for path in _unnamed(repository):
            path.unlink()
    return gone, lacking


def _rewrite(
    repository: Repository, seq: int, change: Callable[[Release], Release], at_hand: Keys
) -> list[Lacking]:
    old = next((each for each in releases(repository) if each.seq == seq), None)
    if old is None:
        raise NotFoundError(f"There is no release {seq}.", hint="`nisse release show` lists them.")
    new = change(old)
    release.check(new)
    target = making.write_record(repository.folder, new)

    def name(signed: Targets) -> None:
        signed.targets[target.path] = target

    return repository.change(MODELS, name, at_hand)


def _of(found: list[Release], role: str) -> list[Release]:
    return [each for each in found if each.role == role]


def _records(signed: Targets) -> Iterator[TargetFile]:
    return (target for path, target in signed.targets.items() if path.endswith("/release.json"))


def _read(folder: Path, target: TargetFile) -> Release:
    path = place(folder, target)
    try:
        data = path.read_bytes()
    except OSError as missing:
        raise NotFoundError(
            f"{path} is missing.", hint="Copy it back from where boxes are served."
        ) from missing
    return release.read(data)


def place(folder: Path, target: TargetFile) -> Path:
    """Where the repository has a file that is signed for."""
    found = Target(target.length, target.hashes["sha256"])
    return folder / target_url("", target.path, found).lstrip("/")


def _unnamed(repository: Repository) -> list[Path]:
    signed: Targets = repository.newest(MODELS).signed
    named = {place(repository.folder, target) for target in signed.targets.values()}
    named |= set(programs.named_files(repository))
    return [
        path for path in (repository.folder / "targets").rglob("*") if path.is_file() and path not in named
    ]
