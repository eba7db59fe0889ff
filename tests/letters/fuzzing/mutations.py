"""Mails spoilt in every way that hypothesis thinks of, from the corpus and from nothing.

Owns: the strategies.
Does not know: what is done with the mails.
"""

from __future__ import annotations

from hypothesis import strategies as st

from tests.letters.corpus import broken, charsets, programs, signed, structures

SEEDS = [
    letter.mail
    for letter in (
        *structures.letters(),
        *signed.letters(),
        *broken.letters(),
        *charsets.letters(),
        *programs.letters(),
    )
]

# Words that mean something to a reader of mail, of pages, or of quotes.
WORDS = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"--B1", b"--B1--", b"--", b"-- \r\n", b"> ", b">", b"\0", b"\xff", b"\xc3", b"=", b"=?", b"?=", b"=?utf-8?q?",
    b"=?utf-8?b?", b"Content-Type: ", b"multipart/mixed; boundary=B1", b"multipart/alternative; boundary=", b"message/rfc822", b"text/html", b"text/plain",
    b"; charset=", b"utf-7", b"utf-16", b"iso-2022-jp", b"idna", b"punycode", b"base64", b"quoted-printable", b"x-uuencode", b"Content-Transfer-Encoding: ",
    b"Content-Disposition: attachment; filename*0*=", b"''%C3%", b"From: ", b"From ", b"To: ", b"References: ", b"<", b"<a@b>", b"@", b"(", b")", b'"', b"\\",
    b",", b":", b";", b"undisclosed-recipients:;", b"<div style='display:none'>", b"<blockquote>", b"</blockquote>", b"<!--", b"-->", b"<![", b"<style>", b"</style>",
    b"{color:#fff}", b"<table><tr><td>", b"&#x110000;", b"&#0;", b"&nbsp;", b"<|im_start|>", b"format=flowed; delsp=yes", b" \r\n", b"On 21 Nov 2026 at 08:15 X wrote:",
    b"-----Original Message-----", b"---------- Forwarded message ---------", b"Received: from a by b; ", b"Date: ", b"Sat, 31 Feb 99999 25:61:61 +9999", b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=; b=",
    b"Authentication-Results: mx.example.net; dmarc=pass header.from=example.org", b"ARC-Seal: i=1; cv=none", b"\xe2\x80\xae", b"\xf0\x9f\x99\x82", b"\xed\xa0\x80",
]  # fmt: skip

_place = st.floats(min_value=0, max_value=1)
_noise = st.one_of(
    st.sampled_from(WORDS),
    st.binary(max_size=12),
    st.sampled_from(WORDS).flatmap(lambda word: st.integers(2, 400).map(lambda count: word * count)),
)


def _spoilt(mail: bytes, changes: list[tuple[str, float, float, bytes]]) -> bytes:
    for kind, begin, end, noise in changes:
        start, stop = sorted((int(begin * len(mail)), int(end * len(mail))))
        if kind == "insert":
            mail = mail[:start] + noise + mail[start:]
        elif kind == "replace":
            mail = mail[:start] + noise + mail[min(stop, start + 40) :]
        elif kind == "cut":
            mail = mail[:start] + mail[stop:]
        elif kind == "repeat":
            mail = mail[:stop] + mail[start:stop][:2000] * 3 + mail[stop:]
        else:
            mail = mail[start:stop] + noise + mail[:start]
    return mail[:200_000]


spoilt = st.builds(
    _spoilt,
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(st.sampled_from(["insert", "replace", "cut", "repeat", "turn"]), _place, _place, _noise),
        min_size=1,
        max_size=8,
    ),
)
spliced = st.tuples(spoilt, spoilt, _place).map(
    lambda two: two[0][: int(two[2] * len(two[0]))] + two[1][int(two[2] * len(two[1])) :]
)
made_up = st.lists(_noise, max_size=60).map(b"".join)
fields = st.lists(
    st.tuples(
        st.sampled_from(["From", "To", "Subject", "Date", "Reply-To", "References", "In-Reply-To", "Message-ID", "Content-Type", "Content-Disposition", "Received", "Return-Path", "Auto-Submitted", "Authentication-Results", "DKIM-Signature", "ARC-Seal", "List-Id"]),
        st.lists(_noise, max_size=10).map(b"".join),
    ),
    max_size=12,
).map(lambda pairs: b"".join(name.encode() + b": " + value + b"\r\n" for name, value in pairs) + b"\r\nHello\r\n")  # fmt: skip
mails = st.one_of(spoilt, spoilt, spliced, made_up, fields, st.binary(max_size=2000))
