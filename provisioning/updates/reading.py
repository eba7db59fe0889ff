"""A repository whose lists have just been verified, and are being read: what was signed for a path, and the small files themselves.

Owns: asking python-tuf for a path, so that only who may sign for it is believed, and getting a small file.
Does not know: which paths are wanted, nor what is in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api import exceptions
from tuf.ngclient import Updater

from agent.models.shelf import writing
from provisioning.updates.news import Target, target_url
from provisioning.updates.reasons import refusal
from provisioning.updates.refusals import RefusedError
from provisioning.updates.small_files import SmallFiles


@dataclass(frozen=True)
class Reading:
    """One reading of one source."""

    work: Path  # python-tuf's lists
    updater: Updater
    fetcher: SmallFiles
    source: str  # its address; empty: what is kept on the disk
    judged_at: datetime

    def small(self, path: str, target: Target) -> bytes:
        """A file that was signed for, not looked at yet.

        Raises:
            RefusedError: It does not come.
        """
        try:
            return self.fetcher.download_bytes(target_url(self.source, path, target), target.size)
        except exceptions.DownloadError as wrong:
            raise refusal(wrong, self.fetcher.asked) from wrong

    def load(self, path: str) -> None:
        """Has the list verified that may name such a path.

        Raises:
            RefusedError: It is not believed.
        """
        try:
            with writing():  # the library writes, too
                self.updater.get_targetinfo(path)
        except (exceptions.RepositoryError, exceptions.DownloadError) as wrong:
            raise refusal(wrong, self.fetcher.asked) from wrong

    def targets(self, paths: Sequence[str]) -> dict[str, Target]:
        """What was signed for each path, by whoever may sign for it.

        Raises:
            RefusedError: Nobody may, who did.
        """
        found: dict[str, Target] = {}
        for path in paths:
            target = self.updater.get_targetinfo(path)
            if target is None:
                raise RefusedError("not_delegated", path)
            if "sha256" not in target.hashes:
                raise RefusedError("malformed", f"{path} has no sha256")
            found[path] = Target(target.length, target.hashes["sha256"])
        return found
