"""The settings: one declared table that feeds the file, the environment, the portal's forms, the sample and the docs.

Owns: what can be set, with type, default, unit and help; where a value comes from; which process a secret belongs to.
Does not know: what any setting is used for, nor how files are kept (`settings_file`).

A value comes from the environment (`NISSE_MAIL_IMAP_HOST` for `mail.imap_host`), else from `$NISSE_HOME/nisse.toml`, else from
the table. `NISSE_HOME` alone moves all state. A plug-in declares its own in a literal `SETTINGS`, a list of dictionaries with the
fields of `Setting`, and needs no entry here.

A section whose rows repeat can have further entries, such as a second mailbox: `[mail.more.garden]` in the file gives the entry
"garden" its own value of every row that repeats (`mail.more.garden.address`, `NISSE_MAIL_MORE_GARDEN_ADDRESS`); the others are shared.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import tomli_w

from agent import logs, registry, settings_file
from agent.errors import SettingsError
from agent.house_settings import CORE, Setting

FILE_NAME = settings_file.FILE_NAME
_PLUGIN_FAMILIES = {"agent.channels": "channel"}  # and how the processes are called that run one of them
_FALSE_WORDS = {"0", "false", "no", "off"}
_TRUE_WORDS = {"1", "true", "yes", "on"}
_MORE = "more"
_ENTRY = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")


class Secret(str):
    """A string that shows stars wherever it is printed; `reveal()` gives it out at the point of use."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'*****'" if self else "''"

    def __str__(self) -> str:
        return "*****" if self else ""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def reveal(self) -> str:
        """The secret itself."""
        return "".join(self)


@cache
def table() -> dict[str, Setting]:
    """Every setting there is, by key: the house's own, then each plug-in's."""
    rows = {row.key: row for row in CORE}
    for family, process in _PLUGIN_FAMILIES.items():
        for name in registry.names(family):
            for literal in registry.declared(family, name, "SETTINGS") or ():
                only = f"{process}-{name}" if literal["kind"] == "secret" else ""
                row = Setting(**{**literal, "choices": tuple(literal.get("choices", ())), "whose": only})
                rows[row.key] = row
    return rows


class Settings:
    """The values in force, read once. A process whose values change is started afresh (see `fingerprint`)."""

    def __init__(self, home: Path, values: Mapping[str, str | int | bool]) -> None:
        self.home = home
        self._values = dict(values)

    def text(self, key: str) -> str:
        """A text setting's value."""
        return str(self._of_kind(key, "text"))

    def number(self, key: str) -> int:
        """A number setting's value, in the unit that the table says."""
        return int(self._of_kind(key, "number"))

    def flag(self, key: str) -> bool:
        """A flag setting's value."""
        return bool(self._of_kind(key, "flag"))

    def secret(self, key: str) -> Secret:
        """A secret setting's value."""
        return Secret(self._of_kind(key, "secret"))

    def with_values(self, values: Mapping[str, str | int | bool]) -> Settings:
        """The same settings with some values replaced, for trying them out."""
        return Settings(self.home, {**self._values, **values})

    def further(self, section: str) -> tuple[str, ...]:
        """The names of a section's further entries, sorted."""
        begin = f"{section}.{_MORE}."
        return tuple(
            sorted(
                {key.removeprefix(begin).partition(".")[0] for key in self._values if key.startswith(begin)}
            )
        )

    def entry(self, section: str, name: str) -> Settings:
        """The settings as a further entry of a section has them: its own values for what repeats, the shared ones for the rest."""
        begin = f"{section}.{_MORE}.{name}."
        own = {
            f"{section}.{key.removeprefix(begin)}": value
            for key, value in self._values.items()
            if key.startswith(begin)
        }
        if not own:
            raise SettingsError(f"The settings have no [{section}.{_MORE}.{name}].")
        return self.with_values(own)

    def folder(self, *parts: str) -> Path:
        """A folder under NISSE_HOME, made if it is not there, for this user alone."""
        place = self.home.joinpath(*parts)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        return place

    @property
    def models_folder(self) -> Path:
        """Where model files are kept."""
        return (
            Path(self.text("models.folder")).expanduser()
            if self.text("models.folder")
            else self.folder("models")
        )

    def fingerprint(self, *sections: str) -> tuple[tuple[str, str | int | bool], ...]:
        """The values of some sections, to compare with a later reading."""
        return tuple(
            (key, value) for key, value in sorted(self._values.items()) if key.partition(".")[0] in sections
        )

    def _of_kind(self, key: str, kind: str) -> str | int | bool:
        if table()[key].kind != kind:
            raise TypeError(f"{key} is a {table()[key].kind}, not a {kind}")
        return self._values[key]


def home_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where all state lives: NISSE_HOME, else `~/.local/share/nisse`."""
    return Path(environ.get("NISSE_HOME") or "~/.local/share/nisse").expanduser().absolute()


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads the values in force and masks the secrets among them in all logs.

    Raises:
        SettingsError: The file is no TOML, or a value has the wrong type or lies out of range. Unknown keys are left alone:
            they may belong to a newer version.
    """
    home = home_folder(environ)
    content = settings_file.read(home).content
    stored = dict(settings_file.leaves(content))
    values: dict[str, str | int | bool] = {}
    for key, setting in (table() | _further(content)).items():
        given: Any = environ.get(setting.variable, stored.get(key, setting.default))
        values[key] = checked(setting, given)
        if setting.kind == "secret":
            logs.keep_secret(str.__str__(str(values[key])))
    return Settings(home, values)


def save(home: Path, changes: Mapping[str, str | int | bool]) -> None:
    """Writes some values, all or none, and keeps the others; readable for this user alone, or on a box for whom they concern.

    Raises:
        SettingsError: A key is unknown, or a value has the wrong type or lies out of range.
        StorageError: The file could not be written; the old one stands.
    """
    with settings_file.held(home):
        before = settings_file.read(home)
        content = _changed(copy.deepcopy(before.content), changes)
        settings_file.write(home, before, content, whose)


def part_secrets(home: Path) -> bool:
    """Puts secrets that stand where all may read them to where they belong; whether there were any.

    Raises:
        SettingsError: The file is no TOML.
        StorageError: The file could not be written; the old one stands.
    """
    with settings_file.held(home):
        before = settings_file.read(home)
        if settings_file.is_parted(home, before, whose):
            return False
        settings_file.write(home, before, before.content, whose)
    return True


def whose(key: str) -> str:
    """Which process alone needs the setting of this key, as supervisord calls it; empty where several do, or it is no secret."""
    section, _, name = key.partition(".")
    more, _, rest = name.partition(".")
    row = table().get(f"{section}.{rest.partition('.')[2]}" if more == _MORE else key)
    return row.whose if row else ""


def _changed(content: dict[str, Any], changes: Mapping[str, str | int | bool]) -> dict[str, Any]:
    for key, value in changes.items():
        setting = _declared(key)
        *sections, name = key.split(".")
        place = content
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise SettingsError(
                    f"{FILE_NAME} has a value where [{section}] should begin.", hint="Remove that line."
                )
        place[name] = checked(setting, value)
    return content


def _declared(key: str) -> Setting:
    """The row of a key, also of a further entry's."""
    section, _, rest = key.partition(".")
    more, _, rest = rest.partition(".")
    name, _, row = rest.partition(".")
    if more == _MORE and row:
        found = table().get(f"{section}.{row}")
        if found and found.repeats:
            return replace(found, key=further_key(found, name))
    if key not in table():
        raise SettingsError(f"There is no setting {key!r}.")
    return table()[key]


def further_key(setting: Setting, name: str) -> str:
    """The key under which a further entry has its own value of a setting that repeats.

    Raises:
        SettingsError: An entry cannot have that name.
    """
    if not _ENTRY.fullmatch(name):
        raise SettingsError(
            f"{setting.section}.{_MORE} cannot have an entry called {name!r}.",
            hint="A name is up to 30 small letters, digits and hyphens, such as garden.",
        )
    return f"{setting.section}.{_MORE}.{name}.{setting.key.partition('.')[2]}"


def _further(content: Mapping[str, Any]) -> dict[str, Setting]:
    """The rows of all further entries in the file, by their keys."""
    found: dict[str, Setting] = {}
    for setting in table().values():
        section = content.get(setting.section)
        more = section.get(_MORE) if setting.repeats and isinstance(section, dict) else None
        for name, values in more.items() if isinstance(more, dict) else ():
            if isinstance(values, dict):
                key = further_key(setting, name)
                found[key] = replace(setting, key=key)
    return found


def remove(home: Path, section: str, name: str) -> None:
    """Takes a further entry out of the file; one that is not there is no matter.

    Raises:
        StorageError: The file could not be written; the old one stands.
    """
    with settings_file.held(home):
        before = settings_file.read(home)
        content = copy.deepcopy(before.content)
        of_section = content.get(section)
        more = of_section.get(_MORE) if isinstance(of_section, dict) else None
        if isinstance(more, dict) and more.pop(name, None) is not None:
            settings_file.write(home, before, content, whose)


def checked(setting: Setting, value: Any) -> str | int | bool:
    """The value as the setting's type, from text where it comes from the environment or a form.

    Raises:
        SettingsError: It is not of that type, not among the choices, or out of range.
    """
    if setting.kind == "flag":
        return _as_flag(setting, value)
    if setting.kind == "number":
        return _as_number(setting, value)
    if not isinstance(value, str):
        shown = "something else" if setting.kind == "secret" else repr(value)
        raise SettingsError(f"{setting.key} must be text, not {shown}.", hint="Put it in quotes.")
    if setting.choices and value not in setting.choices:
        raise SettingsError(
            f"{setting.key} cannot be {value!r}.", hint=f"Choose one of: {', '.join(setting.choices)}."
        )
    return value


def sample() -> str:
    """A `nisse.toml` with every setting at its default, each commented out and explained."""
    lines = [
        "# Settings of Nisse. Each stands at its default; remove the # of a line to change it.\n",
        "# On a box, a secret that one process alone needs is moved from here to where no other can read it.\n",
    ]
    section = ""
    for setting in sorted(table().values(), key=lambda row: row.section):
        if setting.section != section:
            section = setting.section
            lines.append(f"\n[{section}]\n")
            if any(row.repeats and row.section == section for row in table().values()):
                lines.append(
                    f"# Further ones: [{section}.{_MORE}.NAME], each with its own of what is marked (each).\n"
                )
        unit = f" ({setting.unit})" if setting.unit else ""
        unit += " (each)" if setting.repeats else ""
        shown = tomli_w.dumps({setting.key.partition(".")[2]: setting.default})
        lines.append(f"# {setting.help}{unit}\n# {shown}")
    return "".join(lines)


def _as_flag(setting: Setting, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE_WORDS | _FALSE_WORDS:
        return word in _TRUE_WORDS
    raise SettingsError(f"{setting.key} must be true or false, not {value!r}.")


def _as_number(setting: Setting, value: Any) -> int:
    try:
        number = int(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        number = None
    if number is None:
        raise SettingsError(f"{setting.key} must be a whole number, not {value!r}.")
    low, high = setting.minimum, setting.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise SettingsError(
            f"{setting.key} cannot be {number}.", hint=f"It lies between {low} and {high or 'any number'}."
        )
    return number
