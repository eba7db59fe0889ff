"""What a box would believe of a repository, and whether every file that is signed for is there and right.

Owns: the check before a repository is let loose on boxes; it uses the very code that boxes use.
Does not know: how anything was made.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from agent import durable
from agent.models.shelf import sha256
from provisioning.updates import chunks, first_root
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
    faults += [f"{path} is refused: {reason}." for path, reason in news.refused_programs.items()]
    if news.program_trouble:
        faults.append(f"The list of programs is refused: {news.program_trouble}.")
    for path in news.targets:
        faults += _faults(folder, path, news)
    return Findings(news, tuple(faults))


def write_factory(folder: Path, into: Path, source: str) -> None:
    """What an image needs to believe this repository and nothing older: its newest keys, what it shows now, its address.

    Args:
        folder: The repository.
        into: A folder for `make image UPDATES=...`.
        source: Where boxes will find the repository.

    Raises:
        RefusedError: A box would refuse the lists.
    """
    versions = (int(path.name.partition(".")[0]) for path in (folder / "metadata").glob("*.root.json"))
    root = (folder / "metadata" / f"{max(versions, default=1)}.root.json").read_bytes()
    with tempfile.TemporaryDirectory() as place:
        Metadata(Path(place), root, lambda: [folder.absolute().as_uri()]).refresh()
        durable.write(into / first_root.SEEN, (Path(place) / "seen.json").read_bytes(), mode=0o644)
    durable.write(into / first_root.ROOT, root, mode=0o644)
    durable.write(into / first_root.SOURCE, f"{source}\n", mode=0o644)


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
