"""A board: one TOML file under `boards/` that says what its image needs beyond what all images have.

Owns: the schema of that file and of `packages.toml`, and clear words for what is wrong in one.
Does not know: how an image is built.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from agent.errors import NotFoundError, SettingsError
from provisioning.image.architecture import ARCHITECTURES, Architecture

_FOLDER = Path(__file__).parent / "boards"
_COMMON = Path(__file__).parent / "packages.toml"
_SMALLEST_MIB, _LARGEST_MIB = 512, 65536
_REQUIRED = ("title", "architecture")


@dataclass(frozen=True, kw_only=True)
class Board:
    """What one board's file says; the names are the file's keys."""

    name: str
    title: str
    architecture: str
    description: str = ""
    console: str = "ttyS0,115200"  # the serial console, as the kernel takes it
    root_mib: int = 2048  # the slot is at least so large
    packages: tuple[str, ...] = ()  # Debian's, beyond packages.toml
    backports: tuple[str, ...] = ()  # patterns of packages that are taken from the suite's backports
    initrd_kinds: tuple[
        str, ...
    ] = ()  # of drivers in the initrd, in initramfs-tools's words; empty: every kind
    initrd_modules: tuple[str, ...] = ()  # drivers that the initrd needs beyond Debian's own choice
    firmware: str = (
        ""  # a module of provisioning.image whose esp_files(tree) lie on the boot partition as well
    )
    imager_devices: tuple[str, ...] = ()  # Raspberry Pi Imager's words for the boards
    base: str = ""  # an operating system that is not Debian, without which the board does not run
    base_source: str = ""  # where that would come from

    @property
    def kind(self) -> Architecture:
        """Its processor's kind."""
        return ARCHITECTURES[self.architecture]


@dataclass(frozen=True)
class Common:
    """What `packages.toml` says."""

    suite: str
    components: tuple[str, ...]
    packages: tuple[str, ...]


def names() -> tuple[str, ...]:
    """Every board there is."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load(name: str) -> Board:
    """Reads a board's file.

    Raises:
        NotFoundError: There is no such board.
        SettingsError: Its file says something that it cannot say.
    """
    if name not in names():
        raise NotFoundError(f"There is no board {name!r}.", hint=f"There are: {', '.join(names())}.")
    return parse(name, tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8")))


def parse(name: str, content: Mapping[str, Any]) -> Board:
    """A board from what its file says.

    Raises:
        SettingsError: A key is unknown, missing, or of the wrong type.
    """
    types = {field.name: field.type for field in fields(Board) if field.name != "name"}
    for key, value in content.items():
        if key not in types:
            raise _wrong(name, f"{key!r} is no key of a board", f"Known are: {', '.join(sorted(types))}.")
        _check_type(name, key, value, str(types[key]))
    missing = [key for key in _REQUIRED if not content.get(key)]
    if missing:
        raise _wrong(name, f"{missing[0]!r} is missing", "Say it, as pc.toml does.")
    if content["architecture"] not in ARCHITECTURES:
        raise _wrong(
            name,
            f"architecture cannot be {content['architecture']!r}",
            f"One of: {', '.join(ARCHITECTURES)}.",
        )
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in content.items()}
    board = Board(name=name, **values)
    if not _SMALLEST_MIB <= board.root_mib <= _LARGEST_MIB:
        raise _wrong(name, "root_mib is out of range", f"It lies between {_SMALLEST_MIB} and {_LARGEST_MIB}.")
    return board


def _check_type(name: str, key: str, value: object, expected: str) -> None:
    if expected == "int":
        right = isinstance(value, int) and not isinstance(value, bool)
    elif expected == "str":
        right = isinstance(value, str)
    else:
        right = isinstance(value, list) and all(isinstance(each, str) and each for each in value)
    if not right:
        words = {"int": "a whole number", "str": "text"}
        raise _wrong(name, f"{key} must be {words.get(expected, 'a list of texts')}", "See pc.toml.")


def _wrong(name: str, what: str, hint: str) -> SettingsError:
    return SettingsError(f"boards/{name}.toml: {what}.", hint=hint)


def common() -> Common:
    """What every image has of Debian."""
    content = tomllib.loads(_COMMON.read_text(encoding="utf-8"))
    groups = content["groups"].values()
    packages = tuple(package for group in groups for package in group["packages"])
    return Common(content["suite"], tuple(content["components"]), packages)
