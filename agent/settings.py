"""The settings: one declared table that feeds the file, the environment, the portal's forms, the sample and the docs.

Owns: what can be set, with type, default, unit and help; where a value comes from; writing the file.
Does not know: what any setting is used for.

A value comes from the environment (`NISSE_MAIL_IMAP_HOST` for `mail.imap_host`), else from `$NISSE_HOME/nisse.toml`, else from
the table. `NISSE_HOME` alone moves all state. A plug-in declares its own in a literal `SETTINGS`, a list of dictionaries with the
fields of `Setting`, and needs no entry here.
"""

from __future__ import annotations

import fcntl
import os
import threading
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import tomli_w

from agent import logs, registry
from agent.errors import SettingsError, StorageError
from agent.house_settings import CORE, Setting

FILE_NAME = "nisse.toml"
_saving = threading.Lock()
_PLUGIN_FAMILIES = ("agent.channels",)
_FALSE_WORDS = {"0", "false", "no", "off"}
_TRUE_WORDS = {"1", "true", "yes", "on"}


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
    for family in _PLUGIN_FAMILIES:
        for name in registry.names(family):
            for literal in registry.declared(family, name, "SETTINGS") or ():
                row = Setting(**{**literal, "choices": tuple(literal.get("choices", ()))})
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
            (key, value) for key, value in sorted(self._values.items()) if table()[key].section in sections
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
    stored = dict(_flat(_read_file(home)))
    values: dict[str, str | int | bool] = {}
    for key, setting in table().items():
        given: Any = environ.get(setting.variable, stored.get(key, setting.default))
        values[key] = checked(setting, given)
        if setting.kind == "secret":
            logs.keep_secret(str.__str__(str(values[key])))
    return Settings(home, values)


def save(home: Path, changes: Mapping[str, str | int | bool]) -> None:
    """Writes some values into the file, all or none, and keeps the others; readable for this user alone.

    Raises:
        SettingsError: A key is unknown, or a value has the wrong type or lies out of range.
        StorageError: The file could not be written; the old one stands.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _saving, (home / f".{FILE_NAME}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two who save at once the second must read what the first wrote
        _write(home, _changed(_read_file(home), changes))


def _changed(content: dict[str, Any], changes: Mapping[str, str | int | bool]) -> dict[str, Any]:
    for key, value in changes.items():
        if key not in table():
            raise SettingsError(f"There is no setting {key!r}.")
        section, _, name = key.partition(".")
        content.setdefault(section, {})[name] = checked(table()[key], value)
    return content


def _write(home: Path, content: Mapping[str, Any]) -> None:
    temporary = home / f".{FILE_NAME}.new"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            tomli_w.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(home / FILE_NAME)
        folder = os.open(home, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except OSError as failed:
        temporary.unlink(missing_ok=True)
        raise StorageError(
            "The settings could not be saved.", hint=f"{failed.strerror}; make room and try again."
        ) from failed


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
    lines = ["# Settings of Nisse. Each stands at its default; remove the # of a line to change it.\n"]
    section = ""
    for setting in sorted(table().values(), key=lambda row: row.section):
        if setting.section != section:
            section = setting.section
            lines.append(f"\n[{section}]\n")
        unit = f" ({setting.unit})" if setting.unit else ""
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


def _read_file(home: Path) -> dict[str, Any]:
    file = home / FILE_NAME
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(
            f"{file} cannot be read: {wrong}.", hint="Mend that line, or remove the file."
        ) from wrong


def _flat(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for section, values in content.items():
        if isinstance(values, dict):
            yield from ((f"{section}.{name}", value) for name, value in values.items())
