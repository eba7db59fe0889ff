"""The box's own number and name.

Owns: keeping the machine's id from the first start on, handing it to the boot loader, and the names of the system and of its own Wi-Fi.
Does not know: what the id is used for (the journal, DHCP, the announcement).

The system is read-only, so systemd makes a new id up at each start unless the kernel's command line brings one. The loader takes that
from a file on the boot partition, which is written here; should it be lost, it is written again from the state.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from agent import durable
from agent.errors import StorageError
from provisioning.box.places import Places

_ID = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_BLOCK = 1024  # GRUB reads exactly so much
_HEADER = "# GRUB Environment Block\n"
FIRST_NAME = "nisse"


def keep_machine_id(places: Places) -> None:
    """Keeps this start's id for all further ones.

    Raises:
        StorageError: systemd gave none.
    """
    kept = places.shared / "machine-id"
    known = _read(kept)
    if not _ID.fullmatch(known):
        known = _read(places.root / "etc" / "machine-id")
        if not _ID.fullmatch(known):
            raise StorageError("This system has no machine id.", hint="Start the box again.")
        durable.write(kept, known + "\n")
    if not places.esp.is_dir():
        return  # somebody else's system: so are its loader and its journals
    block = environment_block({"machine_id": known})
    file = places.esp / "grub" / "identity"
    if _read(file) != block.strip():
        durable.write(file, block)
    _forget_other_journals(places, known)


def machine_id(places: Places) -> str:
    """The id that the box keeps; empty before its first start."""
    return _read(places.shared / "machine-id")


def hotspot_name(places: Places) -> str:
    """What telephones see of the box's own Wi-Fi: it tells apart two boxes in one house."""
    number = hashlib.sha256(machine_id(places).encode()).hexdigest()[:4]
    return f"Nisse-{number}"


def environment_block(values: dict[str, str]) -> str:
    """A file as GRUB's `load_env` reads it."""
    text = _HEADER + "".join(f"{name}={value}\n" for name, value in values.items())
    return text + "#" * (_BLOCK - len(text))


def set_name(places: Places, set_hostname: Callable[[str], None] = socket.sethostname) -> None:
    """Gives the system the name that was chosen for the box; one that runs on somebody else's system keeps that one's."""
    if places.esp.is_dir() or (places.shared / "hostname").exists():
        set_hostname(name(places))


def name(places: Places) -> str:
    """The name of the box in its network."""
    kept = _read(places.shared / "hostname")
    return kept if is_name(kept) else FIRST_NAME


def keep_name(places: Places, wanted: str) -> None:
    """Keeps a name for all further starts; `is_name` must allow it."""
    durable.write(places.shared / "hostname", wanted + "\n")


def is_name(wanted: str) -> bool:
    """Whether a box may be called so: small letters, digits and hyphens, as names in networks are."""
    return bool(_NAME.fullmatch(wanted)) and wanted != "localhost"


def _forget_other_journals(places: Places, known: str) -> None:
    """The journal of a start before the loader knew the id lies under another; nobody would ever shorten it."""
    folder = places.root / "var" / "log" / "journal"
    present = _read(places.root / "etc" / "machine-id")
    for other in folder.iterdir() if folder.is_dir() else ():
        if _ID.fullmatch(other.name) and other.name not in (known, present):
            shutil.rmtree(other, ignore_errors=True)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")[: 2 * _BLOCK].strip()
    except OSError:
        return ""
