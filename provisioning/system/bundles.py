"""Bundles on sticks, as root finds them: whoever asks can name one of these and nothing else.

Owns: where is looked, and what may be a bundle by its name, kind and size.
Does not know: what is in one (`description`).
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.errors import NotFoundError, RequestError
from provisioning.programs import untrusted
from provisioning.updates import sticks

_ENDING = ".raucb"
_MOST = 4
_MOST_NAMES = 2_000  # of one folder: a stick may hold a whole library
_SMALLEST, _LARGEST = 4_096, 8 << 30  # bytes


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """One file on a stick. Two are the same if nothing of it differs: a file that was changed is another one."""

    path: Path
    size: int  # bytes
    changed: int  # nanoseconds since 1970
    device: int  # the kernel's number of the stick


def found(top: Path) -> tuple[Bundle, ...]:
    """Those on all sticks; a few.

    Args:
        top: The folder below which systemd mounts sticks.
    """
    each = (bundle for folder in sticks.folders((top,)) for bundle in _in(folder))
    return tuple(itertools.islice(each, _MOST))


def named(top: Path, path: str) -> Bundle:
    """The bundle at a path, if it is one of those that are found.

    Args:
        top: The folder below which systemd mounts sticks.
        path: As somebody without rights names it.

    Raises:
        NotFoundError: It is none of them.
    """
    gone = NotFoundError("This file is on no stick any more.", hint="Plug the stick in, and wait a moment.")
    bundle = next((each for each in found(top) if str(each.path) == path), None)
    if bundle is None:
        raise gone
    try:
        descriptor = untrusted.open_below(top, bundle.path)
    except RequestError as wrong:
        raise gone from wrong
    try:
        opened = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if _bundle(bundle.path, opened) != bundle:
        raise gone
    return bundle


def _in(folder: Path) -> Iterator[Bundle]:
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(itertools.islice(entries, _MOST_NAMES), key=lambda each: each.name):
                path = folder / entry.name
                # A name that cannot be shown could not be chosen either.
                if entry.name.endswith(_ENDING) and str(path).isprintable():
                    bundle = _bundle(path, entry.stat(follow_symlinks=False))
                    if bundle:
                        yield bundle
    except OSError:
        return  # it was pulled out meanwhile


def _bundle(path: Path, facts: os.stat_result) -> Bundle | None:
    if not stat.S_ISREG(facts.st_mode) or not _SMALLEST <= facts.st_size <= _LARGEST:
        return None
    return Bundle(path=path, size=facts.st_size, changed=facts.st_mtime_ns, device=facts.st_dev)
