"""Sticks that are plugged in: their folders, and the repositories on them.

Owns: where sticks appear, how far is looked, and what a repository looks like from outside.
Does not know: what is in it: it is believed for its signatures alone, as any other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

PLACES = (Path("/media"), Path("/run/media"))
_SIGN = Path("metadata", "timestamp.json")
_DEEPEST = 4  # /run/media/system/STICK/folder
_MOST_LOOKED_AT = 500  # folders: a stick may hold a whole library
_MOST = 4


def repositories(places: Sequence[Path] = PLACES) -> tuple[str, ...]:
    """Their addresses.

    Args:
        places: Folders below which sticks appear.
    """
    found = (folder.as_uri() for folder in folders(places) if (folder / _SIGN).is_file())
    return tuple(itertools.islice(found, _MOST))


def folders(places: Sequence[Path] = PLACES) -> Iterator[Path]:
    """Folders on sticks, those near the top first and not endlessly many; no links, so that none leads out of a stick or round in circles.

    Args:
        places: Folders below which sticks appear.
    """
    return itertools.islice(_levels(places), _MOST_LOOKED_AT)


def _levels(places: Sequence[Path]) -> Iterator[Path]:
    level = [place for place in places if place.is_dir()]
    for _ in range(_DEEPEST):
        level = [below for folder in level for below in _below(folder)]
        yield from level


def _below(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if each.is_dir() and not each.is_symlink())[
            :_MOST_LOOKED_AT
        ]
    except OSError:
        return []  # it was pulled out meanwhile, or is not ours to read
