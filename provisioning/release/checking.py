"""What a box would believe of a repository, and whether every file that is signed for is there and right.

Owns: the check before a repository is let loose on boxes; it uses the very code that boxes use.
Does not know: how anything was made.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from agent.models.shelf import sha256
from provisioning.updates import chunks
from provisioning.updates.metadata import Metadata
from provisioning.updates.news import News, target_url
from provisioning.updates.refusals import RefusedError


@dataclass(frozen=True)
class Findings:
    """What was found."""

    news: News
    faults: tuple[str, ...]  # sentences; none: all is well


def check(folder: Path, root: bytes) -> Findings:
    """Looks at a repository as a box would that has this root.

    Args:
        folder: The repository.
        root: The keys that came with the box.

    Raises:
        RefusedError: A box would refuse the lists.
    """
    with tempfile.TemporaryDirectory() as place:
        news = Metadata(Path(place), root, lambda: [folder.absolute().as_uri()]).refresh()
    faults = [f"Release {seq} is refused: {reason}." for seq, reason in news.refused.items()]
    for path in news.targets:
        faults += _faults(folder, path, news)
    return Findings(news, tuple(faults))


def _faults(folder: Path, path: str, news: News) -> list[str]:
    target = news.targets[path]
    file = folder / target_url("", path, target).lstrip("/")
    if not file.is_file():
        return [f"{path} is missing."]
    if file.stat().st_size != target.size or sha256(file) != target.sha256:
        return [f"{path} is not the file that was signed."]
    listed = news.targets.get(path.removesuffix(".chunks"))
    if path.endswith(".chunks") and listed:
        try:
            chunks.read(file.read_bytes(), listed.size)
        except RefusedError as wrong:
            return [f"{path} cannot be read: {wrong.detail}"]
    return []
