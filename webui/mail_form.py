"""The form for the house's mail account, made from the settings that the mail channel declares with a label.

Owns: the form's fields for each mailbox, checking what was filled in, trying it out with `nisse check mail`, and `nisse assist mail`.
Does not know: mail. A secret is never put into a page; left empty, the kept one stands.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import settings as ground
from agent.errors import RequestError, SettingsError
from agent.house_settings import Setting
from agent.settings import Settings

SECTION = "mail"
_TRY_S = 40.0
_LONGEST_VALUE = 5_000  # a permission is long
_MOST_MAILBOXES = 8


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


def entries(home: Path) -> list[str]:
    """The names of the further mailboxes; the first has none."""
    return list(_in_force(home).further(SECTION))


def fields(home: Path, entry: str = "") -> list[Field]:
    """The form with the values in force.

    Args:
        home: NISSE_HOME.
        entry: Which mailbox; empty: the first.
    """
    values = _of_entry(home, entry)
    return [_field(setting, _value(values, setting)) for setting in _settings()]


def empty_fields() -> list[Field]:
    """The form for another mailbox."""
    return [
        _field(setting, "" if setting.kind == "secret" else str(setting.default)) for setting in _settings()
    ]


def filled(home: Path, form: Mapping[str, str], entry: str | None = "") -> Filled:
    """What somebody filled in, checked against the table. What the form did not hold stays as it is.

    Args:
        home: NISSE_HOME.
        form: The values by the settings' keys; a flag that is not there is off.
        entry: Which mailbox; empty: the first; None: one that is not there yet.
    """
    values = None if entry is None else _of_entry(home, entry)
    shown: list[Field] = []
    changes: dict[str, str | int | bool] = {}
    for setting in _settings():
        given = form.get(setting.key, "").strip()[:_LONGEST_VALUE]
        is_left = setting.kind != "flag" and setting.key not in form
        if is_left or (setting.kind == "secret" and not given):
            shown.append(_field(setting, _value(values, setting) if values else ""))
            continue
        try:
            given = given or ("off" if setting.kind == "flag" else "")
            changes[setting.key] = ground.checked(setting, given)
            shown.append(_field(setting, given))
        except SettingsError as wrong:
            problem = f"{setting.label}: {_plain(setting)} {wrong.hint}".strip()
            shown.append(Field(setting=setting, value=given, problem=problem))
    return Filled(fields=shown, changes=changes)


def save(home: Path, changes: Mapping[str, str | int | bool], entry: str = "") -> None:
    """Keeps what was filled in.

    Args:
        home: NISSE_HOME.
        changes: The values by the settings' keys.
        entry: Of which mailbox; empty: the first.
    """
    table = ground.table()
    ground.save(
        home,
        {ground.further_key(table[key], entry) if entry else key: value for key, value in changes.items()},
    )


def new_entry(home: Path, given: str) -> str:
    """A name for another mailbox, made of its address.

    Raises:
        RequestError: The address is missing or a mailbox has it already, or there are too many.
    """
    wanted = given.strip().lower()
    if "@" not in wanted:
        raise RequestError("The address is missing.", hint="It looks like garden@example.org.")
    taken = entries(home)
    if wanted in (address(home, entry).lower() for entry in ("", *taken)):
        raise RequestError(f"The house has the mailbox {wanted} already.", hint="Change it there.")
    if len(taken) + 1 >= _MOST_MAILBOXES:
        raise RequestError(
            f"The house has {_MOST_MAILBOXES} mailboxes, and that is the most.", hint="Remove one first."
        )
    plain = re.sub(r"[^a-z0-9]+", "-", wanted.partition("@")[0]).strip("-")[:20] or "mailbox"
    names = [plain, *(f"{plain}-{number}" for number in range(2, _MOST_MAILBOXES + 2))]
    return next(name for name in names if name not in taken)


def address(home: Path, entry: str = "") -> str:
    """The address to which the household writes; empty while there is no account.

    Args:
        home: NISSE_HOME.
        entry: Of which mailbox; empty: the first.
    """
    known = "mail.address" in ground.table()  # a box without the mail channel has no such setting
    return _of_entry(home, entry).text("mail.address") if known else ""


def tried(home: Path, changes: Mapping[str, str | int | bool], entry: str | None = "") -> dict[str, Any]:
    """Really logs in with these values, in a process of its own; `ok`, `message` and `hint` for people.

    Args:
        home: NISSE_HOME.
        changes: The values by the settings' keys. They go by standard input, never by the command line.
        entry: Of which mailbox; empty: the first; None: one that is not there yet.
    """
    return _run(home, ["check", SECTION], _whole(home, changes, entry))


def assisted(home: Path, task: str, asked: Mapping[str, Any], entry: str | None = "") -> dict[str, Any]:
    """What `nisse assist mail` answers; `ok`, `message`, `hint` and what was found.

    Args:
        home: NISSE_HOME.
        task: suggest, permit or known.
        asked: The question; its `settings` are changes to those in force.
        entry: Of which mailbox; empty: the first; None: one that is not there yet.
    """
    whole = _whole(home, asked.get("settings", {}), entry)
    return _run(home, ["assist", SECTION, task], {**asked, "settings": whole})


def _whole(
    home: Path, changes: Mapping[str, str | int | bool], entry: str | None
) -> dict[str, str | int | bool]:
    """All values of one mailbox, as they would be with the changes."""
    rows = [row for row in ground.table().values() if row.section == SECTION and row.repeats]
    if entry is None:
        return {row.key: row.default for row in rows} | dict(changes)
    values = _of_entry(home, entry)
    return {row.key: _value(values, row) for row in rows} | dict(changes)


def _run(home: Path, words: list[str], question: Mapping[str, Any]) -> dict[str, Any]:
    try:
        ended = subprocess.run(  # noqa: S603 - our own command, the form goes by standard input
            [sys.executable, "-m", "agent", *words],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=_TRY_S,
            check=False,
            env={**os.environ, "NISSE_HOME": str(home)},
        )
        return {"ok": False, "message": "", "hint": "", **json.loads(ended.stdout)}
    except subprocess.TimeoutExpired:
        return _failed("The mail server did not answer within 40 seconds.", "Look at the servers' names.")
    except (OSError, ValueError, TypeError):
        return _failed(
            "The test could not be run.", "Save the settings; the page “Health” shows if mail works."
        )


def _failed(message: str, hint: str) -> dict[str, Any]:
    return {"ok": False, "message": message, "hint": hint}


def _settings() -> list[Setting]:
    return [setting for setting in ground.table().values() if setting.section == SECTION and setting.label]


def _in_force(home: Path) -> Settings:
    return ground.load({**os.environ, "NISSE_HOME": str(home)})


def _of_entry(home: Path, entry: str) -> Settings:
    values = _in_force(home)
    return values.entry(SECTION, entry) if entry else values


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
