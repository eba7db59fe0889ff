"""Where a file may be had: the servers that the owner named, a stick, another Nisse in the home.

Owns: the address of a file at each, and the order in which they are asked.
Does not know: HTTP. None of them is trusted: whatever comes is believed for its hash alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

from agent.errors import SettingsError
from provisioning.updates.pace import FOR_NEIGHBOURS, Patience

_SCHEMES = {"https", "http", "file"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file to be had somewhere."""

    target: str  # its path in the repository, such as models/7/model.gguf
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Mirror:
    """One place. `neighbour` has files by their hash alone, the others have the whole repository."""

    url: str  # without a slash at the end
    neighbour: bool = False

    @property
    def patience(self) -> Patience:
        """What it may cost in time."""
        return FOR_NEIGHBOURS if self.neighbour else Patience()

    def address(self, wanted: Wanted) -> str:
        """Where it has a file, if it has it. Files bear their hash, so that an old list and a new one never mix."""
        if self.neighbour:
            return f"{self.url}/blobs/{wanted.sha256}"
        path = PurePosixPath(wanted.target)
        return f"{self.url}/targets/{quote(str(path.parent))}/{wanted.sha256}.{quote(path.name)}"


def named(sources: Sequence[str]) -> tuple[Mirror, ...]:
    """The mirrors that a setting names; a folder may stand there as a path.

    Raises:
        SettingsError: One is no address.
    """
    found = []
    for text in sources:
        source = PurePosixPath(text).as_uri() if text.startswith("/") else text
        parts = urlsplit(source)
        if parts.scheme not in _SCHEMES or not (parts.hostname or parts.path.startswith("/")):
            raise SettingsError(
                f"{text!r} is no address of an update server.",
                hint="Write https://..., or file:///... for a folder.",
            )
        found.append(Mirror(url=source.rstrip("/")))
    return tuple(found)


def in_order(sources: Sequence[Mirror], neighbours: Sequence[Mirror]) -> tuple[Mirror, ...]:
    """Those that cost the home's line nothing first: folders and sticks, then neighbours, then servers in the owner's order."""
    folders = [mirror for mirror in sources if mirror.url.startswith("file:")]
    return (*folders, *neighbours, *(mirror for mirror in sources if mirror not in folders))
