"""The claim code: what proves that the first visitor of a fresh box stands in front of it.

Owns: making the code, keeping it while the box has no owner, and comparing what somebody typed with it.
Does not know: who shows it (the screen, the console, the boot partition) or who asks for it (the portal's wizard).

Eight characters of Crockford's base32 hold 40 bits; the portal allows a handful of tries a minute.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from agent import plain_file
from agent.errors import StorageError

FILE_NAME = "claim-code"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O, U: none is mistaken for another
_HALF = 4
_LARGEST = 1024  # bytes of a file with a code
_FORGIVEN = str.maketrans("OILoil", "011011", "- \t")


def code(home: Path) -> str:
    """The code of this box, made at the first call; empty once the box has been claimed.

    Args:
        home: NISSE_HOME.

    Raises:
        StorageError: It could not be kept.
        NotPlainError: No file, but a link or the like bears its name.
    """
    file = home / FILE_NAME
    try:
        return read(file)
    except FileNotFoundError:
        pass
    fresh = made()
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii"
        ) as out:
            out.write(fresh + "\n")
    except FileExistsError:  # another process was first
        return read(file)
    except OSError as failed:
        raise StorageError("The claim code could not be kept.", hint=f"{failed.strerror}.") from failed
    return fresh


def read(file: Path) -> str:
    """The code in a file that any process of the house may have made.

    Raises:
        OSError: It is not there, no plain file, or cannot be read.
    """
    return plain_file.read(file, _LARGEST).decode("ascii").strip()


def made() -> str:
    """A fresh code."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_HALF)) for _ in range(2))


def fits(home: Path, typed: str) -> bool:
    """Whether this is the code; case, hyphens and look-alike letters are forgiven."""
    return is_same(code(home), typed)


def is_same(right: str, typed: str) -> bool:
    """Whether somebody typed this code; nothing fits an empty one."""
    wanted = _bare(right)
    return bool(wanted) and hmac.compare_digest(_bare(typed).encode(), wanted.encode())


def used(home: Path) -> None:
    """The box has an owner: the code is worth nothing from now on."""
    (home / FILE_NAME).write_text("", encoding="ascii")


def _bare(text: str) -> str:
    return text.translate(_FORGIVEN).upper()
