"""Settings that differ between a box and a desk.

Owns: the few values, and writing them where nobody has chosen otherwise.
Does not know: what they are used for.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from agent import durable, settings
from agent.errors import SettingsError
from provisioning.box.places import HOUSE, PORTAL, Places, hand_to

# The brain's control group leaves the house its memory already (provisioning/supervision/profiles.py); it is not left twice.
BOX: dict[str, str | int] = {"portal.listen": "0.0.0.0:80", "door.listen": "0.0.0.0:25", "brain.reserve": 100}
_BROKEN = "nisse.toml.unreadable"


def write(places: Places) -> None:
    """Writes what is not there yet. A file that cannot be read is set aside: nobody can mend it on a box without a keyboard."""
    file = places.home / settings.FILE_NAME
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        content = {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        file.replace(places.home / _BROKEN)
        durable.sync_folder(places.home)
        content = {}
    missing = {key: value for key, value in BOX.items() if not _has(content, key)}
    if missing:
        keep(places, missing)
    if settings.part_secrets(
        places.home
    ):  # of a house that was set up before they were parted, or typed in by hand
        _hand_over(places)


def keep(places: Places, values: Mapping[str, str | int]) -> None:
    """Saves settings in the house's name: the portal owns the file, all its processes may read it.

    Raises:
        SettingsError: A value is none that the setting can have.
        StorageError: The disk does not take it.
    """
    known = {key: value for key, value in values.items() if key in settings.table()}
    if not known:
        raise SettingsError(f"This house has no setting {', '.join(values)}.")
    settings.save(places.home, known)
    _hand_over(places)


def _hand_over(places: Places) -> None:
    for name in (settings.FILE_NAME, f".{settings.FILE_NAME}.lock"):
        hand_to(places.home / name, PORTAL, HOUSE)
        (places.home / name).chmod(0o640)


def _has(content: dict[str, object], key: str) -> bool:
    section, _, name = key.partition(".")
    values = content.get(section)
    return isinstance(values, dict) and name in values
