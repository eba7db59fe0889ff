"""Mails made to keep the reader busy or to break it: each is read in seconds, and none raises."""

from __future__ import annotations

import time

import pytest

from agent.letters import headers
from agent.letters.reading import NOBODY, read

HEAD = b"From: Anna <anna@example.org>\r\nTo: nisse@example.org\r\nMIME-Version: 1.0\r\n"
FLOWED = HEAD + b"Content-Type: text/plain; format=flowed\r\n\r\n"
HTML = HEAD + b"Content-Type: text/html\r\n\r\n"
MEGABYTE = 1_000_000


def nested(depth: int) -> bytes:
    parts = [
        f'Content-Type: multipart/mixed; boundary="{level}"\r\n\r\n--{level}\r\n'.encode()
        for level in range(depth)
    ]
    return HEAD + b"".join(parts) + b"Content-Type: text/plain\r\n\r\nHello\r\n"


def many_parts(content: bytes) -> bytes:
    part = b"--B\r\nContent-Type: text/html\r\n\r\n" + content + b"\r\n"
    return HEAD + b'Content-Type: multipart/mixed; boundary="B"\r\n\r\n' + part * 100 + b"--B--\r\n"


MAILS = {
    "flowed": FLOWED + b"a \n" * 800_000,
    "flowed, 24 MB": FLOWED + b"a \n" * (8 * MEGABYTE),
    "empty lines": HEAD + b"\r\n" + b"\n" * (24 * MEGABYTE),
    "tags never closed": HTML + b"<a " * 60_000,
    "tags closed once": HTML + b"<a " * 60_000 + b">",
    "comments never closed": HTML + b"<!--" * 60_000,
    "comments closed wrongly": HTML + b"<!-- >" * 60_000,
    "declarations": HTML + b"<![" * 60_000 + b"<?" * 60_000,
    "end tags": HTML + b"<blockquote>" * 1000 + b"</x>" * 120_000,
    "one long line": HTML + b"a<b>" * 120_000,
    "pages": many_parts(b"<p>word</p>" * 20_000),
    "attributions": HEAD + b"\r\n" + b"on 1:\n" * 100_000,
    "many fields": HEAD + b"A: b\r\n" * (4 * MEGABYTE) + b"\r\nHello\r\n",
    "quoted parameters": HEAD + b'Content-Type: text/plain; a="' + b";" * MEGABYTE + b"\r\n\r\nHello\r\n",
    "multiparts": nested(3000),
    "multiparts around lines": nested(200) + b"a\n" * 500_000,
    "punycode": HEAD + b"Content-Type: text/plain; charset=punycode\r\n\r\n-" + b"a" * MEGABYTE,
    "attachment": HEAD + b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + (b"QUJD" * 19 + b"\r\n") * 310_000,
}  # fmt: skip


@pytest.mark.parametrize("name", MAILS)
def test_no_mail_keeps_the_reader_busy(name: str) -> None:
    began = time.process_time()  # others may keep the machine busy
    assert read(MAILS[name], channel="mail").sender == "anna@example.org"
    assert time.process_time() - began < 5


def test_the_text_behind_a_broken_page_is_still_read() -> None:
    page = HTML + b"<p>Hello <!-- a > b --> Nisse</p><![if !mso]><p>1 < 2</p><![endif]>"
    assert read(page, channel="mail").text == "Hello Nisse\n\n1 < 2"


@pytest.mark.parametrize("depth", [900, 4000])
def test_comments_within_comments_name_nobody_and_raise_nothing(depth: int) -> None:
    mail = b"From: anna@example.org " + b"(" * depth + b")" * depth + b"\r\nSender: x@y.org\r\n\r\nHello\r\n"
    assert headers.addresses(headers.parse(mail), "From") == []
    message = read(mail, channel="mail")
    assert message.sender == NOBODY
    assert message.automatic


def test_a_long_attachment_is_kept_whole() -> None:
    (file,) = read(MAILS["attachment"], channel="mail").attachments
    assert len(file.data) == 57 * 310_000
