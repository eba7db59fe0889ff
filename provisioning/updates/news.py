"""What is believed about releases, at one moment.

Owns: the record, and making it of a verified list: each release's own record is fetched once and kept by its hash.
Does not know: signatures (`metadata`), nor which release is for this box (`trust`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from agent import durable
from agent.models.shelf import writing
from provisioning.updates import release as released
from provisioning.updates import trust
from provisioning.updates.programs import record as programs
from provisioning.updates.programs.record import Program
from provisioning.updates.refusals import RefusedError
from provisioning.updates.release import Release
from provisioning.updates.trust import Moment

_RECORD = re.compile(r"models/([1-9][0-9]{0,9})/release\.json")
_MOST_RELEASES = 64  # the newest


@dataclass(frozen=True)
class Target:
    """One file of the repository, as it was signed."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class News:
    """What is believed."""

    releases: tuple[Release, ...]  # the newest first, also those that were taken back
    refused: Mapping[int, str]  # seq -> reason, of those whose own record is not believed
    targets: Mapping[str, Target]  # path -> what was signed
    floors: Mapping[str, int]  # role -> the lowest seq that may still serve
    issued: datetime | None  # when the list was signed, if it says so
    ends: (
        datetime | None
    )  # until when it may be acted upon; None: the owner has said that this does not matter
    when: Moment  # the time at which it was fetched
    source: str  # where it came from; empty: kept from the last time
    programs: tuple[Program, ...] = ()  # versions of Nisse itself, the newest first
    refused_programs: Mapping[str, str] = field(default_factory=dict)  # path -> reason, likewise
    program_ends: datetime | None = None  # as `ends`, of what is said of programs
    program_trouble: str = ""  # the reason why nothing that is said of programs is believed

    def moment(self, clock: datetime) -> Moment:
        """The time by which to judge its releases.

        Args:
            clock: What the box's clock says.
        """
        return trust.moment(clock, self.issued, self.ends)

    def program_moment(self, clock: datetime) -> Moment:
        """The time by which to judge its programs.

        Args:
            clock: What the box's clock says.
        """
        return trust.moment(clock, self.issued, self.program_ends)

    def url(self, source: str, path: str) -> str:
        """Where a mirror has a file.

        Args:
            source: The mirror's address.
            path: The file's path in the repository, such as a `ReleasedFile` has it.

        Raises:
            RefusedError: `not_delegated`: nobody signed for it.
        """
        target = self.targets.get(path)
        if target is None:
            raise RefusedError("not_delegated", path)
        return target_url(source, path, target)


def target_url(source: str, path: str, target: Target) -> str:
    """Where a mirror has a file: by its hash, so that an old list and a new one can both be served."""
    folder, _, name = path.rpartition("/")
    return f"{source.rstrip('/')}/targets/{folder}/{target.sha256}.{name}"


class Records:
    """The releases' own records, kept by their hash."""

    def __init__(self, folder: Path) -> None:
        """Uses the folder; it need not be there yet."""
        self._folder = folder

    def read(
        self, targets: Mapping[str, Target], fetch: Callable[[str, Target], bytes]
    ) -> tuple[tuple[Release, ...], dict[int, str]]:
        """The releases that a verified list names, and the reasons of those that are not believed.

        Args:
            targets: The list.
            fetch: Gets a file; what it gives need not be believed.
        """
        found: list[Release] = []
        refused: dict[int, str] = {}
        for seq, path in _newest(targets):
            try:
                data = self._one(path, targets[path], fetch, released.LARGEST)
                found.append(_fitting(data, seq, targets))
            except RefusedError as wrong:
                refused[seq] = wrong.reason
        return tuple(found), refused

    def read_programs(
        self, targets: Mapping[str, Target], fetch: Callable[[str, Target], bytes]
    ) -> tuple[tuple[Program, ...], dict[str, str]]:
        """The programs that a verified list names, and the reasons of those that are not believed.

        Args:
            targets: The list.
            fetch: Gets a file; what it gives need not be believed.
        """
        found: list[Program] = []
        refused: dict[str, str] = {}
        for path in _newest_programs(targets):
            try:
                data = self._one(path, targets[path], fetch, programs.LARGEST)
                found.append(_fitting_program(data, path, targets))
            except RefusedError as wrong:
                refused[path] = wrong.reason
        return tuple(found), refused

    def _one(self, path: str, target: Target, fetch: Callable[[str, Target], bytes], largest: int) -> bytes:
        kept = self._folder / f"{target.sha256}.json"
        try:
            data = kept.read_bytes()
            if hashlib.sha256(data).hexdigest() == target.sha256:
                return data
        except OSError:
            pass  # it was not fetched yet
        if target.size > largest:
            raise RefusedError("endless_data", path)
        data = fetch(path, target)
        if len(data) != target.size:
            raise RefusedError("wrong_length", path)
        if hashlib.sha256(data).hexdigest() != target.sha256:
            raise RefusedError("wrong_hash", path)
        with writing():
            durable.write(kept, data)
        return data

    def forget_all_but(self, targets: Mapping[str, Target]) -> None:
        """Removes the records that no list names any more."""
        wanted = {target.sha256 for target in targets.values()}
        with writing():
            for kept in self._folder.glob("*.json"):
                if kept.stem not in wanted:
                    kept.unlink(missing_ok=True)


def _newest(targets: Mapping[str, Target]) -> list[tuple[int, str]]:
    found = [(int(match[1]), path) for path in targets if (match := _RECORD.fullmatch(path))]
    return sorted(found, reverse=True)[:_MOST_RELEASES]


def _newest_programs(targets: Mapping[str, Target]) -> list[str]:
    found = [
        (trust.version_number(match[2]), path)
        for path in targets
        if (match := programs.RECORD.fullmatch(path))
    ]
    return [path for _version, path in sorted(found, reverse=True)[:_MOST_RELEASES]]


def _fitting_program(data: bytes, path: str, targets: Mapping[str, Target]) -> Program:
    """The program, if it speaks of the same file as the signed list."""
    program = programs.read(data)
    if program.record != path:
        raise RefusedError("mix_and_match", f"{path} calls itself {program.record}")
    if targets.get(program.target) != Target(program.size, program.sha256) or program.chunks not in targets:
        raise RefusedError("mix_and_match", f"{program.target} is not the one that the list names")
    return program


def _fitting(data: bytes, seq: int, targets: Mapping[str, Target]) -> Release:
    """The release, if it speaks of the same files as the signed list."""
    release = released.read(data)
    if release.seq != seq:
        raise RefusedError("mix_and_match", f"release {seq} calls itself {release.seq}")
    for file in release.files:
        if targets.get(file.target) != Target(file.size, file.sha256) or file.chunks not in targets:
            raise RefusedError("mix_and_match", f"{file.target} is not the one that the list names")
    return release
