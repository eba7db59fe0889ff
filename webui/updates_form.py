"""The form for how models are updated, made from the settings of updates that have a label.

Owns: its fields, checking what was filled in, and keeping it.
Does not know: what a setting does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from agent import settings as ground
from agent.errors import SettingsError
from agent.house_settings import Setting
from agent.settings import Settings
from webui.mail_form import Field

_SECTION = "updates"
_LONGEST_VALUE = 500


def fields(home: Path) -> list[Field]:
    """The form with the values in force."""
    values = ground.load({**os.environ, "NISSE_HOME": str(home)})
    return [Field(setting=setting, value=_value(values, setting)) for setting in _settings()]


def keep(home: Path, form: Mapping[str, str]) -> list[Field]:
    """Keeps what was filled in, all or none.

    Args:
        home: NISSE_HOME.
        form: The values by the settings' keys; a flag that is not there is off.

    Returns:
        The form as it was filled in, with what is wrong where something is.
    """
    shown, changes = [], {}
    for setting in _settings():
        given = form.get(setting.key, "").strip()[:_LONGEST_VALUE]
        given = given or ("off" if setting.kind == "flag" else "")
        problem = ""
        try:
            changes[setting.key] = ground.checked(setting, given)
        except SettingsError as wrong:
            problem = f"{setting.label}: this does not fit. {wrong.hint}".strip()
        shown.append(Field(setting=setting, value=given, problem=problem))
    if not any(field.problem for field in shown):
        ground.save(home, changes)
    return shown


def _settings() -> list[Setting]:
    return [row for row in ground.table().values() if row.section == _SECTION and row.label]


def _value(values: Settings, setting: Setting) -> str:
    if setting.kind == "flag":
        return "on" if values.flag(setting.key) else "off"
    return str(values.number(setting.key)) if setting.kind == "number" else values.text(setting.key)
