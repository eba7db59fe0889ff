"""Settings that differ between a box and a desk.

Owns: the few values, and writing them where nobody has chosen otherwise.
Does not know: what they are used for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from agent import durable, plain_file, settings, settings_file
from agent.errors import SettingsError
from provisioning.box.places import HOUSE, PORTAL, Places, hand_to

# The brain's control group leaves the house its memory already (provisioning/supervision/profiles.py); it is not left twice.
BOX: dict[str, str | int] = {"portal.listen": "0.0.0.0:80", "door.listen": "0.0.0.0:25", "brain.reserve": 100}
_BROKEN = "nisse.toml.unreadable"


def write(places: Places) -> None:
    """Writes what is not there yet. A file that cannot be read is set aside: nobody can mend it on a box without a keyboard. So is what is
    no file but, say, a link: root is not to be led by what any process of the house may have laid there."""
    try:
        content = settings_file.read(places.home).content
    except SettingsError:
        (places.home / settings.FILE_NAME).replace(places.home / _BROKEN)
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
    for name in (settings.FILE_NAME, settings_file.LOCK_NAME):
        opened = plain_file.descriptor(places.home / name)
        try:
            hand_to(opened, PORTAL, HOUSE)
            os.fchmod(opened, 0o640)
        finally:
            os.close(opened)


def _has(content: dict[str, object], key: str) -> bool:
    section, _, name = key.partition(".")
    values = content.get(section)
    return isinstance(values, dict) and name in values
