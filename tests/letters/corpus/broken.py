"""Mails that were built wrongly, cut on their way, or say nothing.

Owns: those mails.
Does not know: how they are read, or whether they are answered.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.letters.corpus.letter import HEAD, Letter, letter, mail, multipart, part


def letters() -> Iterator[Letter]:
    """All of them."""
    yield from _broken()
    yield from _empty()


def _broken() -> Iterator[Letter]:
    whole = multipart("mixed", part("text/plain", "Hello"), part("text/plain", "there"))
    yield letter("without its last boundary", whole.rpartition(b"--B1--")[0], "Hello\n\nthere")
    yield letter("cut in the middle", whole[: whole.rindex(b"there")] + b"the", "Hello\n\nthe")
    yield letter(
        "a boundary that never comes",
        b'Content-Type: multipart/mixed; boundary="NO"\r\n\r\nHello\r\n',
        "Hello",
    )
    yield letter("no boundary", b"Content-Type: multipart/mixed\r\n\r\nHello\r\n", "Hello")
    yield letter(
        "a boundary in quotes with blanks",
        multipart("mixed", part("text/plain", "Hello"), boundary="a b c"),
        "Hello",
    )
    yield letter(
        "a boundary that begins another",
        multipart(
            "mixed", multipart("alternative", part("text/plain", "Hello"), boundary="B12"), boundary="B1"
        ),
        "Hello",
    )
    head = "\n".join([*HEAD, "Subject: Question"]).encode()
    yield Letter(name="bare line ends", mail=head + b"\n\nHello\nyou\n", text="Hello\nyou")
    yield Letter(
        name="a mailbox's line at the top",
        mail=b"From anna@example.org Sat Nov 21 08:15:00 2026\n" + head + b"\n\nHello\n",
        text="Hello",
    )
    yield Letter(
        name="a field that is none",
        mail=head + b"\nthis is no field\n\nHello\n",
        text="this is no field\n\nHello",
    )
    yield letter("a field of 9,000 characters", part("text/plain", "Hello"), "Hello", f"X-Long: {'x' * 9000}")
    yield letter(
        "fields without values", part("text/plain", "Hello"), "Hello", "Reply-To:", "Cc:", "References:"
    )
    yield letter("zero bytes", part("text/plain", b"He\0llo"), "Hello")
    yield letter("a type that is none", b"Content-Type: ;;;\r\n\r\nHello\r\n", "Hello")
    yield letter("a type of another kind", b"Content-Type: text/plain; charset\r\n\r\nHello\r\n", "Hello")


def _empty() -> Iterator[Letter]:
    yield letter("empty", b"\r\n", "")
    yield letter("only blank lines", b"\r\n\r\n \r\n\r\n", "")
    yield letter("a page without words", part("text/html", "<html><body><div><br></div></body></html>"), "")
    yield letter("a subject alone", part("text/plain", ""), "", subject="When is the bin emptied?")
    yield letter("a phone's line alone", part("text/plain", "\nSent from my iPhone\n"), "Sent from my iPhone")
    yield Letter(name="without an id", mail=mail(part("text/plain", "Hello"), head=HEAD[:3]), text="Hello")
