"""The form for the house's mail account, made from the settings that the mail channel declares with a label.

Owns: the form's fields, checking what was filled in, and trying it out with `nisse check mail`.
Does not know: mail. A secret is never put into a page; left empty, the kept one stands.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import settings as ground
from agent.errors import SettingsError
from agent.house_settings import Setting
from agent.settings import Settings

SECTION = "mail"
_TRY_S = 40.0
_LONGEST_VALUE = 500


@dataclass(frozen=True, kw_only=True)
class Field:
    """One line of the form."""

    setting: Setting
    value: str
    is_kept: bool = False  # a secret that the house has already
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A form as somebody filled it in."""

    fields: list[Field]
    changes: dict[str, str | int | bool]

    @property
    def errors(self) -> bool:
        """Whether a field has a problem."""
        return any(field.problem for field in self.fields)


def fields(home: Path) -> list[Field]:
    """The form with the values in force.

    Args:
        home: NISSE_HOME.
    """
    values = _in_force(home)
    return [_field(setting, _value(values, setting)) for setting in _settings()]


def filled(home: Path, form: Mapping[str, str]) -> Filled:
    """What somebody filled in, checked against the table.

    Args:
        home: NISSE_HOME.
        form: The values by the settings' keys; a flag that is not there is off.
    """
    values = _in_force(home)
    shown: list[Field] = []
    changes: dict[str, str | int | bool] = {}
    for setting in _settings():
        given = form.get(setting.key, "").strip()[:_LONGEST_VALUE]
        if setting.kind == "secret" and not given:
            shown.append(_field(setting, _value(values, setting)))
            continue
        try:
            given = given or ("off" if setting.kind == "flag" else "")
            changes[setting.key] = ground.checked(setting, given)
            shown.append(_field(setting, given))
        except SettingsError as wrong:
            problem = f"{setting.label}: {_plain(setting)} {wrong.hint}".strip()
            shown.append(Field(setting=setting, value=given, problem=problem))
    return Filled(fields=shown, changes=changes)


def address(home: Path) -> str:
    """The address to which the household writes; empty while there is no account."""
    known = "mail.address" in ground.table()  # a box without the mail channel has no such setting
    return _in_force(home).text("mail.address") if known else ""


def tried(home: Path, changes: Mapping[str, str | int | bool]) -> dict[str, Any]:
    """Really logs in with these values, in a process of its own; `ok`, `message` and `hint` for people.

    Args:
        home: NISSE_HOME.
        changes: The values by the settings' keys. They go by standard input, never by the command line.
    """
    values = _in_force(home)
    whole = {setting.key: _value(values, setting) for setting in _settings()} | dict(changes)
    try:
        ended = subprocess.run(  # noqa: S603 - our own command, the form goes by standard input
            [sys.executable, "-m", "agent", "check", SECTION],
            input=json.dumps(whole),
            capture_output=True,
            text=True,
            timeout=_TRY_S,
            check=False,
            env={**os.environ, "NISSE_HOME": str(home)},
        )
        verdict = json.loads(ended.stdout)
        return {key: verdict.get(key, "") for key in ("ok", "message", "hint")}
    except subprocess.TimeoutExpired:
        return _failed("The mail server did not answer within 40 seconds.", "Look at the servers' names.")
    except (OSError, ValueError, AttributeError):
        return _failed(
            "The test could not be run.", "Save the settings; the page “Health” shows if mail works."
        )


def _failed(message: str, hint: str) -> dict[str, Any]:
    return {"ok": False, "message": message, "hint": hint}


def _settings() -> list[Setting]:
    return [setting for setting in ground.table().values() if setting.section == SECTION and setting.label]


def _in_force(home: Path) -> Settings:
    return ground.load({**os.environ, "NISSE_HOME": str(home)})


def _value(values: Settings, setting: Setting) -> str:
    if setting.kind == "secret":
        return values.secret(setting.key).reveal()
    if setting.kind == "flag":
        return "on" if values.flag(setting.key) else "off"
    return str(values.number(setting.key)) if setting.kind == "number" else values.text(setting.key)


def _field(setting: Setting, value: str) -> Field:
    secret = setting.kind == "secret"
    return Field(setting=setting, value="" if secret else value, is_kept=secret and bool(value))


def _plain(setting: Setting) -> str:
    return "this must be a whole number." if setting.kind == "number" else "this does not fit."
