"""Letters: reading the Maildir in which the mail door lays what it could not hand on.

Owns: finding a person's letters, and taking the readable text out of one.
Does not know: who writes there, nor pages. Changes nothing.
"""

from __future__ import annotations

import email
import email.policy
import email.utils
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

_LARGEST = 30_000_000  # bytes
_MOST = 100
_LONGEST_TEXT = 100_000  # characters


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One letter as people read it."""

    subject: str
    sender: str
    at: float  # seconds since 1970
    text: str
    files: tuple[str, ...]


def of_person(maildir: Path, addresses: Iterable[str]) -> list[Letter]:
    """The letters to one of these addresses, newest first.

    Args:
        maildir: The folder with `new` and `cur`; it need not be there.
        addresses: The person's mail addresses.
    """
    wanted = {address.lower() for address in addresses}
    found: list[Letter] = []
    for file in _newest_first(maildir):
        letter = _read(file, wanted)
        if letter is not None:
            found.append(letter)
        if len(found) >= _MOST:
            break
    return found


def _newest_first(maildir: Path) -> list[Path]:
    files: list[tuple[float, Path]] = []
    for folder in ("new", "cur"):
        place = maildir / folder
        if place.is_dir():
            files += [(file.stat().st_mtime, file) for file in place.iterdir() if _is_letter(file)]
    return [file for _, file in sorted(files, reverse=True)]


def _is_letter(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".") and file.stat().st_size <= _LARGEST


def _read(file: Path, wanted: set[str]) -> Letter | None:
    try:
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        if not _recipients(message) & wanted:
            return None
        return Letter(
            subject=str(message["Subject"] or "(no subject)"),
            sender=str(message["From"] or ""),
            at=file.stat().st_mtime,
            text=_text(message)[:_LONGEST_TEXT],
            files=tuple(part.get_filename("a file") for part in message.iter_attachments()),
        )
    except (OSError, ValueError, LookupError, KeyError, AttributeError, TypeError):  # torn, or not a mail
        return None


def _recipients(message: EmailMessage) -> set[str]:
    headers = [str(value) for name in ("To", "Cc", "Delivered-To") for value in message.get_all(name, ())]
    return {address.lower() for _, address in email.utils.getaddresses(headers)}


def _text(message: EmailMessage) -> str:
    body = message.get_body(preferencelist=("plain",))
    if body is None:
        return "This letter has no plain text."
    text = str(body.get_content()).strip()
    # A space at the end of a line joins it with the next (format=flowed, RFC 3676): the page breaks lines itself.
    return text.replace(" \n", " ") if body.get_param("format") == "flowed" else text
