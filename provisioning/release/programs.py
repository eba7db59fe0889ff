"""Versions of Nisse itself in a repository: published from what the bundle maker wrote, rolled out, taken back, thrown away.

Owns: these changes of the list of programs, and the files of programs.
Does not know: how a program is built (`provisioning/image`), nor how lists are signed (`repository`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuf.api.metadata import TargetFile, Targets

from agent.errors import ConflictError, NotFoundError, SettingsError
from agent.models.shelf import sha256
from provisioning.release import making
from provisioning.release.repository import Keys, Lacking, Repository
from provisioning.updates import chunks
from provisioning.updates.news import Target
from provisioning.updates.programs import record
from provisioning.updates.programs.record import Program
from provisioning.updates.trust import version_number
from provisioning.updates.verified import PROGRAMS

_SQUASHFS = b"hsqs"
# What the bundle maker says; the rest is computed here, or said by whoever publishes.
_BUILT = ("version", "architecture", "python", "needs_system", "reads", "readable_by", "licence")


def add(
    repository: Repository,
    file: Path,
    at_hand: Keys,
    *,
    notes: str = "",
    rollout: dict[str, Any] | None = None,
) -> tuple[Program, list[Lacking]]:
    """Publishes a version of Nisse.

    Args:
        repository: Where.
        file: `nisse-<version>-<architecture>.raw`; what the bundle maker says of it lies beside it as `.json`.
        at_hand: Private keys.
        notes: For owners.
        rollout: Which boxes may take it, and when; none: all, now.

    Returns:
        The program, and the lists that lack signatures.

    Raises:
        NotFoundError: A file is not there, or the repository says nothing of who may sign for programs.
        SettingsError: What is said of it cannot be.
        ConflictError: There is such a version already.
    """
    _demand_role(repository)
    program = _described(file, notes, rollout or {})
    listed: Targets = repository.newest(PROGRAMS).signed
    if program.record in listed.targets:
        raise ConflictError(
            f"There is a version {program.version} for {program.architecture} already.",
            hint="Build it with a new version: boxes that have this one would never look at another of its name.",
        )
    folder = repository.folder
    laid = making.lay(folder, program.target, file)
    if laid.hashes["sha256"] != program.sha256:
        raise ConflictError(f"{file} changed while it was read.", hint="Publish it once it is built.")
    content = chunks.to_bytes(
        chunks.cut(making.place_of(folder, program.target, Target(program.size, program.sha256)))
    )
    targets = [laid, making.write(folder, program.chunks, content), _write_record(folder, program)]
    return program, repository.change(PROGRAMS, lambda new: making.name_in(new, targets), at_hand)


def all_programs(repository: Repository) -> list[Program]:
    """All versions of the newest list, the newest first."""
    if not repository.has_programs:
        return []
    listed: Targets = repository.newest(PROGRAMS).signed
    found = [
        _read(repository.folder, target)
        for path, target in listed.targets.items()
        if record.RECORD.fullmatch(path)
    ]
    return sorted(found, key=lambda each: (version_number(each.version), each.architecture), reverse=True)


def roll_out(repository: Repository, version: str, at_hand: Keys, **changes: Any) -> list[Lacking]:
    """Changes whose turn a version is, and when, for every architecture."""
    if not changes:
        raise SettingsError("Nothing is to be changed.", hint="Say --percent, --from, --until or --critical.")

    def change(old: Program) -> Program:
        return dataclasses.replace(old, rollout=dataclasses.replace(old.rollout, **changes))

    return _rewrite(repository, version, change, at_hand)


def yank(repository: Repository, version: str, why: str, at_hand: Keys) -> list[Lacking]:
    """Takes a version back: no box takes it any more. One that runs it goes on until there is a newer one, or its owner goes back.

    Args:
        repository: Which.
        version: Of every architecture.
        why: A sentence for owners.
        at_hand: Private keys.
    """
    if not why.strip():
        raise SettingsError("Owners should read why it is taken back.", hint="Say so by --why.")
    return _rewrite(repository, version, lambda old: dataclasses.replace(old, yanked=why), at_hand)


def prune(repository: Repository, keep: int, at_hand: Keys) -> tuple[list[str], list[Lacking]]:
    """Takes old versions from the list; of each architecture the newest stay.

    Returns:
        The records that are gone, and the lists that lack signatures.
    """
    found, gone = all_programs(repository), []
    for architecture in record.ARCHITECTURES:
        gone += [each for each in found if each.architecture == architecture][keep:]
    names = {path for each in gone for path in (each.target, each.chunks, each.record)}
    if not names:
        return [], []

    def drop(signed: Targets) -> None:
        signed.targets = {path: target for path, target in signed.targets.items() if path not in names}

    return [each.record for each in gone], repository.change(PROGRAMS, drop, at_hand)


def _rewrite(
    repository: Repository, version: str, change: Callable[[Program], Program], at_hand: Keys
) -> list[Lacking]:
    old = [each for each in all_programs(repository) if each.version == version]
    if not old:
        raise NotFoundError(
            f"There is no version {version} of Nisse.", hint="`nisse release show` lists them."
        )
    new = [change(each) for each in old]
    for each in new:
        record.check(each)
    targets = [_write_record(repository.folder, each) for each in new]
    return repository.change(PROGRAMS, lambda signed: making.name_in(signed, targets), at_hand)


def _described(file: Path, notes: str, rollout: dict[str, Any]) -> Program:
    told = file.with_suffix(".json")
    try:
        with file.open("rb") as opened:
            magic = opened.read(len(_SQUASHFS))
        row = json.loads(told.read_text(encoding="utf-8"))
    except OSError as missing:
        raise NotFoundError(
            f"{missing.filename} cannot be read.",
            hint="`make bundle-app` writes both files; give the one that ends in .raw.",
        ) from missing
    except ValueError as wrong:
        raise SettingsError(f"{told} is no JSON: {wrong}.") from wrong
    if magic != _SQUASHFS:
        raise SettingsError(f"{file} is no program of Nisse.", hint="`make bundle-app` makes one.")
    if not isinstance(row, dict) or any(not isinstance(row.get(key), str) for key in _BUILT):
        raise SettingsError(
            f"{told} does not say all of {', '.join(_BUILT)}.", hint="`make bundle-app` writes it."
        )
    built = {key: row[key] for key in _BUILT}
    program = record.parse(
        built
        | {"format": row.get("format"), "size": file.stat().st_size, "sha256": sha256(file), "notes": notes}
    )
    now = datetime.now(UTC).replace(microsecond=0)
    fresh = dataclasses.replace(program.rollout, **{"salt": f"program {program.version}"} | rollout)
    program = dataclasses.replace(program, published=now, rollout=fresh)
    record.check(program)
    return program


def _demand_role(repository: Repository) -> None:
    if not repository.has_programs:
        repository.newest("root")  # is it a repository at all?
        raise NotFoundError(
            "This repository does not say who may sign for versions of Nisse.",
            hint="`nisse release role REPO programs --add programs-1.pub.json`, with the keys of targets, says so.",
        )


def _write_record(folder: Path, program: Program) -> TargetFile:
    target = making.write(folder, program.record, program.to_bytes())
    target.unrecognized_fields["custom"] = {"version": program.version, "architecture": program.architecture}
    return target


def _read(folder: Path, target: TargetFile) -> Program:
    path = making.place_of(folder, target.path, Target(target.length, target.hashes["sha256"]))
    try:
        return record.read(path.read_bytes())
    except OSError as missing:
        raise NotFoundError(
            f"{path} is missing.", hint="Copy it back from where boxes are served."
        ) from missing


def named_files(repository: Repository) -> Iterable[Path]:
    """The files that the list of programs names."""
    if not repository.has_programs:
        return []
    listed: Targets = repository.newest(PROGRAMS).signed
    return [
        making.place_of(repository.folder, target.path, Target(target.length, target.hashes["sha256"]))
        for target in listed.targets.values()
    ]
