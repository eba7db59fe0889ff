"""`nisse.toml`, and beside it the secrets that are nobody's but one process's: both are read as one, and written as one.

Owns: the files, who may read each, and that a power cut leaves the old values or the new ones.
Does not know: which settings there are; it is told whose each secret is.

    nisse.toml                       what all processes of the house may read; [secrets] says which of the files below count
    secrets/channel-mail/3.toml      the secrets that the mail channel alone needs; the portal, which writes them, reads them too

`nisse.toml` may be a link to a file of somebody's own, elsewhere. Root follows root's links alone: on the box the whole house may make
names beside it.

On the box each process is a user of its own, and the folders below `secrets/` are made with the system: each belongs to the portal, and
to the group of its process (rootfs/usr/lib/tmpfiles.d/nisse.conf). Where there is no such folder, as on a desk, all stands in `nisse.toml`.
"""

from __future__ import annotations

import contextlib
import copy
import fcntl
import logging
import os
import stat
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from agent import durable, logs, plain_file
from agent.errors import SettingsError, StorageError

FILE_NAME = "nisse.toml"
LOCK_NAME = f".{FILE_NAME}.lock"
SECRETS = "secrets"  # both the folder and the section
_TRIES = 5  # while somebody saves
_LARGEST = 4 << 20  # bytes
_saving = threading.Lock()
_log = logging.getLogger(__name__)

Content = dict[str, Any]
Whose = Callable[[str], str]  # which process alone needs the setting of this key; empty: no such secret


@dataclass(kw_only=True)
class Stored:
    """What the files hold."""

    content: Content  # all of it, as if it stood in one file
    shared: Content = field(default_factory=dict)  # nisse.toml as it is
    private: dict[str, Content] = field(default_factory=dict)  # by process; those that may be read
    numbers: dict[str, int] = field(default_factory=dict)  # by process: which file counts


def read(home: Path) -> Stored:
    """What the files hold, as far as this user may read them.

    Raises:
        SettingsError: nisse.toml is no TOML, or no plain file.
    """
    for _ in range(_TRIES):
        shared = _toml(home / FILE_NAME)
        numbers = _numbers(shared.pop(SECRETS, {}))
        try:
            private = dict(_private(home, numbers, missing_is_fine=False))
        except FileNotFoundError:
            continue  # somebody saved meanwhile, and nisse.toml names another file by now
        break
    else:
        private = dict(_private(home, numbers, missing_is_fine=True))
    content = copy.deepcopy(shared)
    for part in private.values():
        _merge(content, part)
    return Stored(content=content, shared=shared, private=private, numbers=numbers)


@contextlib.contextmanager
def held(home: Path) -> Iterator[None]:
    """Nobody else writes in the block: of two who save at once the second must read what the first wrote.

    Raises:
        StorageError: Another thing lies where the lock should, and cannot be taken away.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _saving, os.fdopen(_lock(home / LOCK_NAME), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock(file: Path) -> int:
    """What is no plain file goes: nobody can hold it."""
    appending = os.O_WRONLY | os.O_APPEND
    for _ in range(_TRIES):
        try:
            return plain_file.descriptor(file, appending)
        except FileNotFoundError:
            # Not both at once: a kernel may refuse to make what another user made in a folder of many (fs.protected_regular).
            with contextlib.suppress(FileExistsError):
                return plain_file.descriptor(file, appending | os.O_CREAT | os.O_EXCL, mode=0o666)
        except plain_file.NotPlainError as other:
            with contextlib.suppress(OSError):
                file.unlink()
                continue
            raise StorageError("The settings could not be saved.", hint=f"Remove {file}.") from other
    raise StorageError("The settings could not be saved.", hint=f"Somebody keeps replacing {file}.")


def write(home: Path, before: Stored, content: Content, whose: Whose) -> None:
    """Writes everything anew, all or nothing; call it while the files are held.

    First come secrets, each into a new file, and then nisse.toml, which names it. So both change at one instant, and no server is ever
    shown another one's password.

    Args:
        home: NISSE_HOME.
        before: What was read.
        content: What there is to be.
        whose: Says whose each secret is.

    Raises:
        StorageError: It could not be written; the old values stand.
    """
    shared, private = _parted(home, content, whose)
    numbers = {name: number for name, number in before.numbers.items() if name not in before.private}
    try:
        for name, part in private.items():
            number = before.numbers.get(name, 0)
            if part != before.private.get(name):
                number = _next_number(home / SECRETS / name, number)
                _put(home / SECRETS / name / f"{number}.toml", part)
            numbers[name] = number
        _put(home / FILE_NAME, {**shared, SECRETS: numbers} if numbers else shared)
    except OSError as failed:
        raise StorageError(
            "The settings could not be saved.", hint=f"{failed.strerror}; make room and try again."
        ) from failed
    _forget_old(home, numbers, {*private, *before.private})


def is_parted(home: Path, stored: Stored, whose: Whose) -> bool:
    """Whether every secret stands where it belongs."""
    _, misplaced = _parted(home, stored.shared, whose)
    return not misplaced


def _parted(home: Path, content: Content, whose: Whose) -> tuple[Content, dict[str, Content]]:
    """What all may read, and what each process alone may read."""
    shared = copy.deepcopy(content)
    private: dict[str, Content] = {}
    for key, value in list(leaves(content)):
        name = whose(key)
        if name and (home / SECRETS / name).is_dir():
            *sections, last = key.split(".")
            _place(private.setdefault(name, {}), sections)[last] = value
            del _place(shared, sections)[last]
    return shared, private


def leaves(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every value with its dotted key."""
    for name, value in content.items():
        if isinstance(value, dict):
            for key, inner in leaves(value):
                yield f"{name}.{key}", inner
        else:
            yield name, value


def _place(content: Content, sections: list[str]) -> Content:
    for section in sections:
        content = content.setdefault(section, {})
    return content


def _merge(content: Content, part: Content) -> None:
    for name, value in part.items():
        inner = content.get(name)
        if isinstance(value, dict) and isinstance(inner, dict):
            _merge(inner, value)
        else:
            content[name] = value


def _numbers(section: Any) -> dict[str, int]:
    named = section.items() if isinstance(section, dict) else ()
    return {
        name: number
        for name, number in named
        if isinstance(number, int) and "/" not in name and not name.startswith(".")
    }


def _private(
    home: Path, numbers: Mapping[str, int], *, missing_is_fine: bool
) -> Iterator[tuple[str, Content]]:
    for name, number in numbers.items():
        file = home / SECRETS / name / f"{number}.toml"
        try:
            yield name, tomllib.loads(plain_file.read(file, _LARGEST).decode())
        except PermissionError:
            continue  # not ours
        except FileNotFoundError:
            if not missing_is_fine:
                raise
            yield name, {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, plain_file.NotPlainError) as wrong:
            # The house goes on without a password; the page on which it is typed anew must not die of it.
            logs.event(_log, "secrets.unreadable", level=logging.ERROR, file=file, why=wrong)
            yield name, {}


def _toml(file: Path) -> Content:
    try:
        return tomllib.loads(plain_file.read(file, _LARGEST, links=_may_be_link(file)).decode())
    except FileNotFoundError:
        return {}
    except plain_file.NotPlainError as wrong:
        raise SettingsError(f"{wrong}.", hint="Move it away, or put a file of your own there.") from wrong
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(
            f"{file} cannot be read: {wrong}.", hint="Mend that line, or remove the file."
        ) from wrong


def _may_be_link(file: Path) -> bool:
    return os.geteuid() != 0 or file.lstat().st_uid == 0


def _next_number(folder: Path, last: int) -> int:
    """Also beyond a file that a power cut left behind."""
    found = [int(file.stem) for file in folder.glob("*.toml") if file.stem.isdecimal()]
    return max([last, *found]) + 1


def _put(file: Path, content: Mapping[str, Any]) -> None:
    durable.write(file, tomli_w.dumps(content), share=lambda descriptor: _share(descriptor, file.parent))


def _share(descriptor: int, folder: Path) -> None:
    """In a home of several users - on the box each process is one - a folder's group may read what is put there: all of the house its
    settings, one process its secrets. Whoever is root hands the secrets to the portal, which owns that folder."""
    status = folder.stat()
    if status.st_mode & stat.S_ISGID and os.geteuid() == 0:
        os.fchown(descriptor, status.st_uid, status.st_gid)
    elif status.st_mode & stat.S_ISVTX:
        os.fchown(descriptor, -1, status.st_gid)
    if status.st_mode & (stat.S_ISVTX | stat.S_ISGID):
        os.fchmod(descriptor, 0o640)


def _forget_old(home: Path, numbers: Mapping[str, int], names: set[str]) -> None:
    for name in names:
        for file in (home / SECRETS / name).glob("*.toml"):
            if file.name != f"{numbers.get(name)}.toml":
                with contextlib.suppress(OSError):
                    file.unlink()
