"""Whom to believe to begin with: what came with the box.

    /usr/share/nisse/updates/root.json    the first list of keys
    /usr/share/nisse/updates/seen.json    what was published when the image was made: nothing older is believed
    /usr/share/nisse/updates/source       the update server's address

Owns: finding these, and that the owner's settings go before.
Does not know: what is in it (`metadata`).
"""

from __future__ import annotations

from pathlib import Path

from agent import durable
from provisioning.updates import seen
from provisioning.updates.refusals import RefusedError
from provisioning.updates.seen import Seen

HOUSE = Path("/usr/share/nisse/updates")  # in the image, which nobody can write
ROOT, SEEN, SOURCE = FILES = ("root.json", "seen.json", "source")
_LARGEST = 64 << 10


def read(setting: str, house: Path = HOUSE) -> bytes:
    """The list of keys.

    Args:
        setting: The owner's file; empty: the house's.
        house: The image's folder.

    Raises:
        RefusedError: `no_root`: there is none.
    """
    path = Path(setting).expanduser() if setting else house / ROOT
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as missing:
        raise RefusedError(
            "no_root", str(missing), hint="Name the update server's root.json in updates.root."
        ) from missing
    if len(data) > _LARGEST:
        raise RefusedError("no_root", f"{path} is too large", hint="It is no root.json.")
    return data


def factory(setting: str, house: Path = HOUSE) -> Seen:
    """What the image knew when it was made; nothing where the owner believes somebody else."""
    return Seen() if setting else seen.from_json(durable.read_sealed(house / SEEN))


def source(setting: str, house: Path = HOUSE) -> str:
    """The addresses of update servers, separated by spaces: the owner's, else the house's; empty: there is none."""
    if setting.strip():
        return setting
    try:
        with (house / SOURCE).open(encoding="utf-8") as file:
            return file.read(_LARGEST).strip()
    except (OSError, UnicodeDecodeError):
        return ""
