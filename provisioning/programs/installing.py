"""Takes a program from updates: room first, then a copy that is hashed on its way, then the trial.

Owns: the file in /data/programs, and the order of these.
Does not know: whether it was signed (`lists`), nor how the trial goes (`trying`).
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os

from agent import durable, logs
from agent.errors import ConflictError, StorageError
from provisioning.box.places import Places
from provisioning.programs import choosing
from provisioning.programs.choosing import Base
from provisioning.programs.state import Book, Program, State

KEEP_FREE = 256 << 20  # bytes that stay free for the house
_BLOCK = 1 << 20
_log = logging.getLogger(__name__)


class WrongFileError(StorageError):
    """It is not the file that was signed."""


def demand_free(state: State) -> None:
    """Looks whether a program can be taken now.

    Raises:
        ConflictError: Another is being tried.
    """
    if state.candidate:
        raise ConflictError(
            f"Version {state.candidate.program.version} of Nisse is being tried.", hint="Wait some minutes."
        )


def take(places: Places, base: Base, program: Program, source: int, now: float) -> bool:
    """Copies a program, and makes it the candidate; the trial is begun by whoever called.

    Args:
        places: Where the box's things lie.
        base: The version in the root.
        program: As it was signed.
        source: The opened file; it is closed.
        now: Seconds since 1970.

    Returns:
        Whether it is the candidate now; else the state says why not.

    Raises:
        OSError: Not even that could be written.
    """
    book = Book(places)
    reason = ""
    with os.fdopen(source, "rb"):
        try:
            _copy(book, program, source)
        except WrongFileError as wrong:
            reason = "wrong_hash"
            logs.event(_log, "program.wrong", level=logging.ERROR, version=program.version, why=wrong)
        except (OSError, StorageError) as full:
            reason = "no_room"
            logs.event(_log, "program.no_room", level=logging.ERROR, version=program.version, why=full)
    with book.alone():
        state = book.read()
        if reason:
            book.write(choosing.refused(state, program, base, reason, now))
            return False
        demand_free(state)
        book.write(choosing.taken(state, program, now))
    return True


def _copy(book: Book, program: Program, source: int) -> None:
    """The file under its hash, whole and on the disk, or nothing."""
    final = book.file(program)
    fresh = book.folder / f".{program.sha256}.new"
    book.folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    facts = os.statvfs(book.folder)
    if facts.f_bavail * facts.f_frsize < program.size + KEEP_FREE:
        raise StorageError(
            "There is not enough room.", hint=f"{program.size + KEEP_FREE} bytes must be free."
        )
    try:
        target = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(target, "wb") as into:
            os.posix_fallocate(target, 0, program.size)
            _pour(source, into.fileno(), program)
            os.fchmod(target, 0o444)
            os.fsync(target)
        fresh.replace(final)
        durable.sync_folder(final.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


def _pour(source: int, target: int, program: Program) -> None:
    """Copies exactly as many bytes as were signed, and no other ones."""
    digest, done = hashlib.sha256(), 0
    while done <= program.size and (block := os.read(source, _BLOCK)):
        digest.update(block)
        done += len(block)
        if done <= program.size:
            _write(target, block)
    if done != program.size or digest.hexdigest() != program.sha256:
        raise WrongFileError("The file is not the one that was signed.")


def _write(target: int, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(target, rest) :]
