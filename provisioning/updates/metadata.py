"""The signed list of releases: fetched, verified by python-tuf, and kept so that a power cut or a thief cannot make the box forget.

    tuf/current -> 12       the list that was believed last, as python-tuf keeps it; each change is a folder of its own
    tuf/seen.json           versions, time and floors, apart from the list: a torn list must not open the way back
    tuf/records/            the releases' own records, by their hash

Owns: these files, one fetch at a time, the order of sources, and the time by which python-tuf judges.
Does not know: the rules of the signatures (python-tuf), nor which release suits this box (`trust`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tuf.api import exceptions
from tuf.ngclient import Updater, UpdaterConfig

from agent import durable, logs
from agent.models.shelf import writing
from provisioning.updates import seen as memory
from provisioning.updates import trust, verified
from provisioning.updates.news import News, Records
from provisioning.updates.programs import listed
from provisioning.updates.reading import Reading
from provisioning.updates.reasons import refusal
from provisioning.updates.refusals import RefusedError
from provisioning.updates.seen import Seen
from provisioning.updates.small_files import SmallFiles

_log = logging.getLogger(__name__)

_CONFIG = UpdaterConfig(
    max_delegations=4,
    root_max_length=64 << 10,
    timestamp_max_length=16 << 10,
    snapshot_max_length=64 << 10,
    targets_max_length=2 << 20,
)
_EPOCH = datetime.fromtimestamp(0, UTC)
_ANY_PATH = "models/0/release.json"  # asked for only so that the delegated list is verified


def _now() -> datetime:
    return datetime.now(UTC)


class Metadata:
    """What this box believes of its update server."""

    def __init__(
        self,
        folder: Path,
        root: bytes,
        sources: Callable[[], Sequence[str]],
        *,
        now: Callable[[], datetime] = _now,
        fetcher: Callable[[], SmallFiles] = SmallFiles,
        factory: Seen | None = None,
    ) -> None:
        """Asks for nothing yet.

        Args:
            folder: Where the list is kept; it need not be there yet.
            root: The keys to begin from, as they came with the box.
            sources: The addresses of repositories (https, http or file), the first preferred.
            now: The box's clock.
            fetcher: Makes what gets the small files.
            factory: What the image already knew, so that a factory reset does not forget it.
        """
        self._folder = folder
        self._root = root
        self._sources = sources
        self._now = now
        self._fetcher = fetcher
        self._factory = factory or Seen()
        self._records = Records(folder / "records")

    def refresh(self, *, relaxed: bool = False) -> News:
        """Asks the sources in their order and believes the first that holds.

        Args:
            relaxed: The owner has asked for a stick that was written a while ago: it may have expired since, but not be older than
                what was believed before. It holds for folders alone: of a server nobody could tell it from one that holds news back.

        Raises:
            RefusedError: None holds; of several reasons the one that is not mere silence.
            StorageError: The disk does not take it.
        """
        with self._alone():
            self._note_asking()
            refusals: list[RefusedError] = []
            for source in self._sources():
                try:
                    return self._from_source(source, relaxed=relaxed and source.startswith("file:"))
                except RefusedError as refused:
                    logs.event(
                        _log,
                        "updates.refused",
                        level=logging.WARNING,
                        source=source,
                        reason=refused.reason,
                        detail=refused.detail,
                    )
                    refusals.append(refused)
            raise next(
                (refused for refused in refusals if refused.reason != "unreachable"),
                refusals[0] if refusals else RefusedError("unreachable", "no source is set"),
            )

    def known(self) -> News | None:
        """What was believed last, verified again from the disk, without network; None where nothing was."""
        with self._alone():
            try:
                return self._from_source("", relaxed=True)
            except RefusedError:
                return None

    def warning(self) -> str:
        """A sentence for the owner where there was no news for long; else empty."""
        return self._seen().warning(self._now())

    def _from_source(self, source: str, *, relaxed: bool) -> News:
        seen = self._seen()
        when = trust.moment(self._now(), seen.issued)
        fetcher = self._fetcher() if source else _Kept(self._current())
        with self._working_copy() as work:
            judged_at = (seen.issued or _EPOCH) if relaxed else when.now
            updater = self._verify(work, source, fetcher, judged_at)
            lists = verified.read(work)
            lists.check_ends(judged_at)
            seen = seen.under(lists.keys)
            role = seen.rolled_back(lists.versions)
            if role:
                raise RefusedError("rollback", f"{role} is older than the one that was believed")
            reading = Reading(work, updater, fetcher, source, max(judged_at, lists.issued or judged_at))
            targets = reading.targets(lists.paths)
            releases, refused = self._records.read(targets, reading.small)
            programs = listed.read(reading, self._records, seen.versions.get(verified.PROGRAMS, 0))
            targets |= programs.targets
            if not programs.trouble:
                self._records.forget_all_but(targets)
            self._keep(work)
        versions = lists.versions | ({verified.PROGRAMS: programs.version} if programs.version else {})
        seen = seen.and_also(Seen(versions=versions, keys=lists.keys, issued=lists.issued))
        floors = trust.floors(releases, seen.floors)
        self._remember(seen, floors, fetched=bool(source))
        ends = [*lists.ends.values(), *([programs.end] if programs.end else [])]
        return News(
            releases=releases,
            refused=refused,
            targets=targets,
            floors=floors,
            issued=lists.issued,
            ends=None if relaxed and source else min(lists.ends.values()),
            when=trust.moment(self._now(), seen.issued),
            source=source,
            programs=programs.programs,
            refused_programs=programs.refused,
            program_ends=None if relaxed and source else min(ends),
            program_trouble=programs.trouble,
        )

    def _verify(self, work: Path, source: str, fetcher: SmallFiles, judged_at: datetime) -> Updater:
        try:
            with writing():
                updater = Updater(
                    str(work),
                    f"{source.rstrip('/')}/metadata/",
                    fetcher=fetcher,
                    config=_CONFIG,
                    bootstrap=self._root,
                )
        except exceptions.RepositoryError as wrong:
            raise RefusedError("no_root", str(wrong)) from wrong
        # The library takes the box's clock, which may say 1970; it has no other way to give it a time.
        trusted = updater._trusted_set  # noqa: SLF001
        assert isinstance(trusted.reference_time, datetime)  # noqa: S101 - the day it is called otherwise, this must be seen
        trusted.reference_time = judged_at
        try:
            with writing():  # the library writes, too
                updater.refresh()
                updater.get_targetinfo(_ANY_PATH)
        except (exceptions.RepositoryError, exceptions.DownloadError) as wrong:
            with contextlib.suppress(RefusedError):
                self._keep_what_holds(work)
            raise refusal(wrong, fetcher.asked) from wrong
        return updater

    def _keep_what_holds(self, work: Path) -> None:
        """After a failure half-way: python-tuf has kept what it believed until then, so that nobody can lead it back before it."""
        if not self._seen().rolled_back(verified.versions(work)):
            self._keep(work)

    def _current(self) -> Path:
        """The list that was believed last; a folder that is not there, where nothing was."""
        link = self._folder / "current"
        numbers = self._numbers()
        if link.is_symlink() and (link / "root_history").is_dir():
            return link.resolve()
        return self._folder / str(
            max(numbers, default=0)
        )  # the link is damaged: what it pointed to is the newest

    def _numbers(self) -> list[int]:
        try:
            return [int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()]
        except OSError:
            return []

    @contextlib.contextmanager
    def _working_copy(self) -> Iterator[Path]:
        """A copy for python-tuf, which writes file by file and does not wait for the disk."""
        work = self._folder / "work"
        with writing():
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True, mode=0o700)
            current = self._current()
            for path in _files(current):
                into = work / path.relative_to(current)
                into.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, into)
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _keep(self, work: Path) -> None:
        """Makes the working copy the list that is believed, at one instant and durably."""
        verified.drop_strange_roots(work)
        current = self._current()
        if _content(work) == _content(current) and (self._folder / "current").is_symlink():
            return
        new = self._folder / str(max(self._numbers(), default=0) + 1)
        with writing():
            for path in _files(work):
                into = new / path.relative_to(work)
                into.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                durable.write(into, path.read_bytes())
            durable.sync_folder(new)
            durable.point(self._folder / "current", new.name)
            for number in self._numbers():
                if str(number) != new.name:
                    shutil.rmtree(self._folder / str(number), ignore_errors=True)

    def _seen(self) -> Seen:
        seen = memory.from_json(durable.read_sealed(self._folder / "seen.json"))
        seen = seen.begin_with(hashlib.sha256(self._root).hexdigest())
        return seen.and_also(self._factory.under(seen.keys) if seen.keys else self._factory)

    def _note_asking(self) -> None:
        seen = self._seen()
        if seen.fetched_at is None and seen.asked_since is None:
            self._write_seen(Seen(**{**vars(seen), "asked_since": self._now()}))

    def _remember(self, seen: Seen, floors: dict[str, int], *, fetched: bool) -> None:
        fetched_at = self._now() if fetched else seen.fetched_at
        self._write_seen(Seen(**{**vars(seen), "floors": floors, "fetched_at": fetched_at}))

    def _write_seen(self, seen: Seen) -> None:
        path = self._folder / "seen.json"
        if durable.read_sealed(path) != seen.to_json():
            with writing():
                durable.write_sealed(path, seen.to_json())

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """python-tuf is made for one process at a time."""
        with writing():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class _Kept(SmallFiles):
    """Gives python-tuf what is kept already, as if a server had said it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def download_bytes(self, url: str, max_length: int) -> bytes:
        self.asked = url.rpartition("/")[2]
        if self.asked != "timestamp.json":
            raise exceptions.DownloadHTTPError(f"{self.asked} is not kept", 404)
        try:
            return (self._folder / self.asked).read_bytes()[:max_length]
        except OSError as missing:
            raise exceptions.DownloadHTTPError(f"{self.asked} is not kept", 404) from missing


def _files(folder: Path) -> list[Path]:
    """The lists in a folder of python-tuf's, without the links that it makes anew."""
    try:
        return [path for path in folder.rglob("*.json") if path.is_file() and not path.is_symlink()]
    except OSError:
        return []


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in _files(folder)}
