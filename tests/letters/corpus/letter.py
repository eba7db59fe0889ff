"""One mail of the corpus, and the ways in which mails are put together.

Owns: bytes from parts, written out by hand: no mail library stands between a program's habits and the reader.
Does not know: any program in particular.
"""

from __future__ import annotations

import base64
import quopri
from dataclasses import dataclass

HEAD = (
    "From: Anna Berg <anna@example.org>",
    "To: nisse@example.net",
    "Date: Sat, 21 Nov 2026 08:15:00 +0100",
    "Message-ID: <m1@example.org>",
    "MIME-Version: 1.0",
)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A mail, and what is to be read in it."""

    name: str
    mail: bytes
    text: str
    subject: str = "Question"
    files: tuple[str, ...] = ()
    sender: str = "anna@example.org"


def encoded(content: bytes, encoding: str) -> bytes:
    """The content in a transfer encoding."""
    if encoding == "base64":
        return base64.encodebytes(content).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def part(
    kind: str,
    content: str | bytes,
    *more: str,
    charset: str = "utf-8",
    codec: str = "",
    encoding: str = "8bit",
) -> bytes:
    """One part with its fields."""
    data = content if isinstance(content, bytes) else content.encode(codec or charset)
    of_text = f"; charset={charset}" if isinstance(content, str) or codec else ""
    fields = [f"Content-Type: {kind}{of_text}", f"Content-Transfer-Encoding: {encoding}", *more]
    return "\r\n".join(fields).encode() + b"\r\n\r\n" + encoded(data, encoding)


def multipart(kind: str, *parts: bytes, boundary: str = "B1", preamble: str = "") -> bytes:
    """A multipart of parts; each depth needs a boundary of its own."""
    pieces = b"".join(b"--" + boundary.encode() + b"\r\n" + one + b"\r\n" for one in parts)
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n{preamble}'
    return head.encode() + pieces + f"--{boundary}--\r\n".encode()


def mail(body: bytes, *more: str, subject: str = "Question", head: tuple[str, ...] = HEAD) -> bytes:
    """The whole mail: fields, then a part with its own."""
    return "\r\n".join([*head, f"Subject: {subject}", *more]).encode() + b"\r\n" + body


def letter(
    name: str, body: bytes, text: str, *fields: str, subject: str = "Question", files: tuple[str, ...] = ()
) -> Letter:
    """A mail of Anna's whose subject is plain ASCII."""
    return Letter(
        name=name, mail=mail(body, *fields, subject=subject), text=text, subject=subject, files=files
    )


def both(text: str, page: str, **more: str) -> bytes:
    """A text and the page of the same, as most programs send it."""
    return multipart("alternative", part("text/plain", text, **more), part("text/html", page, **more))
