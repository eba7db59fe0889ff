"""`nisse mail explain`: what it says of a mail is what the house would do, and no file makes it stumble."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from agent.commands import _records_file, _setup
from agent.commands._explaining import as_received
from tests.source_tree import CHECKOUT

NISSE = "nisse@nisse.example"
STAMP = "Authentication-Results: mx.nisse.example; dmarc=pass header.from=example.org"
RECEIVED = "Received: from mail.example.org (mail.example.org [203.0.113.5]) by mx.nisse.example; Sat, 21 Nov 2026 08:15:01 +0100"
HEAD = (
    "From: Anna Berg <anna@example.org>",
    f"To: {NISSE}",
    "Subject: Bins",
    "Date: Sat, 21 Nov 2026 08:15:00 +0100",
    "Message-ID: <m2@example.org>",
)


@dataclass
class Desk:
    """A folder with a setup, and the command."""

    folder: Path
    setup: dict[str, Any] = field(default_factory=dict)

    def run(
        self, mail: bytes | Path | str, *words: str, json_wanted: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """What the command prints."""
        (self.folder / "setup.json").write_text(json.dumps(self.setup))
        file = self.folder / "mail.eml"
        if isinstance(mail, bytes):
            file.write_bytes(mail)
        else:
            file = Path(mail)
        command = [
            sys.executable,
            "-m",
            "agent",
            "mail",
            "explain",
            str(file),
            "--setup",
            str(self.folder / "setup.json"),
        ]
        return subprocess.run(
            [*command, *(["--json"] if json_wanted else []), *words],
            cwd=CHECKOUT,
            env={**os.environ, "NISSE_HOME": str(self.folder / "home")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def explain(self, mail: bytes) -> dict[str, Any]:
        """The explanation."""
        done = self.run(mail)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert isinstance(found, dict)
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    setup = {
        "box_address": NISSE,
        "authserv_id": "mx.nisse.example",
        "persons": [
            {"name": "Anna", "address": "anna@example.org", "role": "member"},
            ["Bo", "bo@example.org", "member"],
        ],
        "owner": "anna@example.org",
        "own_header": "X-Nisse-Instance",
        "instance_tag": "f00dfeedf00dfeed",
        "plus_addressing": True,
        "timezone": "Europe/Berlin",
        "now": "2026-11-21T08:20:00",
    }
    return Desk(tmp_path, setup)


def mail(
    *fields: str, text: str = "When is the bin emptied?", head: Sequence[str] = HEAD, stamped: bool = True
) -> bytes:
    first = (STAMP, RECEIVED) if stamped else (RECEIVED,)
    return "\r\n".join([*first, *head, *fields, "", text, ""]).encode()


def test_a_stamped_mail_of_a_known_person_is_answered_in_its_thread(desk: Desk) -> None:
    found = desk.explain(mail("References: <m0@x> <m1@x>"))
    assert (found["answer"], found["rule"], found["level"], found["person"]) == (
        True,
        "E31",
        "asserted",
        "anna@example.org",
    )
    assert found["new_text"] == "When is the bin emptied?"
    assert found["in_reply_to"] == "<m2@example.org>"
    assert found["references"] == ["<m0@x>", "<m1@x>", "<m2@example.org>"]
    assert (found["recipient"], found["reply_subject"]) == ("anna@example.org", "Re: Bins")
    assert found["capabilities"] == ["ask"]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        (["Auto-Submitted: auto-replied (vacation)"], "E10"),
        (["Return-Path: <>"], "E11"),
        (["Content-Type: multipart/report; boundary=x"], "E12"),
        (["List-Id: <l.example.org>"], "E13"),
        (["Precedence: bulk", "List-Id: <l.example.org>", "Auto-Submitted: auto-generated"], "E10"),
        (["X-Nisse-Instance: f00dfeedf00dfeed"], "E16"),
    ],
)
def test_the_lowest_rule_that_forbids_an_answer_is_told(desk: Desk, fields: list[str], rule: str) -> None:
    found = desk.explain(mail(*fields))
    assert (found["answer"], found["rule"]) == (False, rule)
    assert (found["in_reply_to"], found["references"]) == (None, [])
    assert found["person"] == "anna@example.org"


def test_without_a_stamp_nobody_is_named(desk: Desk) -> None:
    found = desk.explain(mail(stamped=False))
    assert (found["answer"], found["rule"], found["level"], found["person"]) == (
        False,
        "E17",
        "unverified",
        None,
    )


def test_a_stranger_is_nobody(desk: Desk) -> None:
    head = ("From: carl@example.org", *HEAD[1:])
    found = desk.explain(mail(head=head))
    assert (found["rule"], found["level"], found["person"]) == ("E17", "asserted", None)


def test_two_senders_are_none(desk: Desk) -> None:
    found = desk.explain(mail("From: bo@example.org"))
    assert (found["answer"], found["rule"], found["person"]) == (False, "E25", None)


def test_what_stands_behind_a_plus_counts_only_where_the_house_has_it(desk: Desk) -> None:
    head = (HEAD[0], "To: nisse+bins@nisse.example", *HEAD[2:])
    assert desk.explain(mail(head=head))["answer"]
    desk.setup["plus_addressing"] = False
    assert desk.explain(mail(head=head))["rule"] == "E15"


@pytest.mark.rule("E51")
def test_a_long_id_comes_back_whole(desk: Desk) -> None:
    long = f"<{'A' * 66}@example.org>"
    assert len(long) == 80
    found = desk.explain(
        mail(f"References: {long}", head=(*HEAD[:4], f"Message-ID: {long.replace('A', 'B')}"))
    )
    assert found["in_reply_to"] == long.replace("A", "B")
    assert found["references"] == [long, long.replace("A", "B")]


@pytest.mark.rule("E50")
def test_references_keep_the_first_and_the_last_on_one_line(desk: Desk) -> None:
    ids = [f"<{number:04}{'x' * 60}@example.org>" for number in range(300)]
    found = desk.explain(mail("References: " + "\r\n ".join(ids)))
    assert found["references"][0] == ids[0]
    assert found["references"][-2:] == [ids[-1], "<m2@example.org>"]
    assert len("References: " + " ".join(found["references"])) <= 998


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def written_now() -> list[str]:
    """A mail's head with the present date: an old mail may change nothing in the house, however well it is signed."""
    return [f"Date: {formatdate()}" if line.startswith("Date:") else line for line in HEAD]


def signed(content: bytes, key: rsa.RSAPrivateKey) -> bytes:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    signature = dkim.sign(content, b"s", b"example.org", pem, canonicalize=(b"relaxed", b"relaxed"))
    assert isinstance(signature, bytes)
    return signature + content


def public(key: rsa.RSAPrivateKey) -> str:
    data = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("form", ["zone", "zone in pieces", "zone without quotes", "json", "json in pieces"])
def test_a_signature_is_checked_against_the_file_of_records(
    desk: Desk, key: rsa.RSAPrivateKey, form: str
) -> None:
    name, text = "s._domainkey.example.org", f"v=DKIM1; k=rsa; p={public(key)}"
    pieces = [text[start : start + 200] for start in range(0, len(text), 200)]
    forms = {
        "zone": f'{name}. 3600 IN TXT "{text}"\n',
        "zone in pieces": "$ORIGIN example.org.\ns._domainkey TXT ( ; the key\n  "
        + "\n  ".join(f'"{one}"' for one in pieces)
        + " )\n",
        "zone without quotes": f"{name} TXT {text}\n",
        "json": json.dumps({name: text}),
        "json in pieces": json.dumps({name: pieces}),
    }
    (desk.folder / "records").write_text(forms[form])
    desk.setup |= {
        "dns": "records",
        "authserv_id": None,
        "now": time.time() + 60,
    }  # the signature says when it was made
    content = mail(stamped=False, head=written_now())
    found = desk.explain(signed(content, key))
    assert (found["answer"], found["level"], found["rule"]) == (True, "verified", "E31"), found["why"]
    assert set(found["capabilities"]) == {"ask", "memory", "keep", "govern"}
    assert desk.explain(signed(content, key).replace(b"bin", b"tin"))["level"] == "unverified"
    desk.setup["now"] = time.time() + 3 * 86_400
    later = desk.explain(signed(content, key))
    assert later["level"] == "verified"
    assert "govern" not in later["capabilities"]


@pytest.mark.rule("E50")
@pytest.mark.parametrize(
    ("wanted", "recipient"),
    [
        ("anna@mail.example.org", "anna@mail.example.org"),
        ("anna@example.com", "anna@example.org"),
        ("a@example.org, b@example.org", "anna@example.org"),
    ],
)
def test_the_answer_goes_elsewhere_only_within_the_proven_organisation(
    desk: Desk, key: rsa.RSAPrivateKey, wanted: str, recipient: str
) -> None:
    (desk.folder / "records").write_text(
        json.dumps({"s._domainkey.example.org": f"v=DKIM1; p={public(key)}"})
    )
    desk.setup |= {"dns": "records", "now": time.time() + 60}
    content = mail(f"Reply-To: {wanted}", stamped=False)
    assert desk.explain(signed(content, key))["recipient"] == recipient
    assert desk.explain(mail(f"Reply-To: {wanted}"))["recipient"] == "anna@example.org", (
        "a stamp alone is not enough"
    )


def test_people_read_it_in_words(desk: Desk) -> None:
    done = desk.run(mail(text="Grüße\n-- \nAnna"), json_wanted=False)
    assert done.returncode == 0
    assert "It would be answered (E31)." in done.stdout
    assert "Anna (owner)" in done.stdout
    assert "  | Grüße\n" in done.stdout


FILES = {
    "empty": b"",
    "blank lines": b"\r\n\n\r\n",
    "noise": bytes(range(256)) * 100,
    "zero bytes": bytes(5000),
    "only a mailbox's line": b"From anna@example.org Sat Nov 21 08:15:00 2026\n",
    "half a field": b"From: ann",
    "no body": b"From: anna@example.org\r\n",
    "deep": b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" * 5000,
    "brackets": b"From: " + b"<(" * 50_000,
}


@pytest.mark.parametrize("name", FILES)
def test_no_file_makes_it_stumble(desk: Desk, name: str) -> None:
    found = desk.explain(FILES[name])
    assert found["answer"] is False
    assert found["person"] is None
    assert found["rule"].startswith("E")
    assert found["why"]
    assert desk.run(FILES[name], json_wanted=False).returncode == 0


@pytest.mark.rule("E6")
@pytest.mark.parametrize("name", ["empty", "blank lines", "noise", "zero bytes"])
def test_what_is_no_mail_is_set_aside(desk: Desk, name: str) -> None:
    assert desk.explain(FILES[name])["rule"] == "E6"


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(
    "first",
    [b"", b"From anna@example.org Sat Nov 21 08:15:00 2026\n", b"\xef\xbb\xbf"],
    ids=["", "mbox", "mark"],
)
def test_a_mail_is_the_same_however_it_was_saved(desk: Desk, ends: bytes, first: bytes) -> None:
    content = (first.replace(b"\n", b"\r\n") + mail()).replace(b"\r\n", ends)
    assert desk.explain(content)["answer"]


def test_a_mail_of_a_hundred_megabytes_is_told_to_be_too_large(desk: Desk) -> None:
    file = desk.folder / "large.eml"
    with file.open("wb") as large:
        large.write(mail())
        large.truncate(100_000_000)
    done = desk.run(file)
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert "100 MB" in found["problem"]
    assert found["new_text"] == ""


@pytest.mark.parametrize(("name", "words"), [("nothing.eml", "There is no file"), (".", "is a folder")])
def test_what_is_no_file_is_said_plainly(desk: Desk, name: str, words: str) -> None:
    done = desk.run(desk.folder / name)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"box": NISSE}, "nobody knows the key 'box'"),
        ({"persons": "anna"}, "'persons' in the setup must be"),
        ({"persons": [{"name": "Anna"}]}, "'persons' in the setup must be"),
        ({"now": "yesterday"}, "'now' in the setup must be"),
        ({"timezone": "Mars/Base"}, "There is no time zone"),
        ({"plus_addressing": "yes"}, "'plus_addressing' in the setup must be"),
        ({"dns": "nowhere"}, "nowhere cannot be read"),
        ({"box_address": 5}, "'box_address' in the setup must be"),
    ],
)
def test_a_wrong_setup_is_said_plainly(desk: Desk, changes: dict[str, Any], words: str) -> None:
    desk.setup |= changes
    done = desk.run(mail())
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "now", ["2026-11-21T07:20:00Z", "2026-11-21T08:20:00", 1795245600, 1795245600.0, "1795245600"]
)
def test_a_moment_is_read_in_every_form(desk: Desk, now: Any) -> None:
    desk.setup["now"] = now
    assert desk.explain(mail())["received_at"] == 1_795_245_600.0


def test_a_mailboxs_line_is_told_from_a_field() -> None:
    assert as_received(b"From : anna@example.org\r\n\r\nx").startswith(b"From :")
    assert as_received(b"From anna Sat Nov 21 08:15:00 2026\nTo: x\n\n").startswith(b"To:")
    assert as_received(b"\r\n\r\nTo: x\r\n").startswith(b"To:")


def test_a_zone_file_is_read_with_all_that_people_write_into_it(tmp_path: Path) -> None:
    file = tmp_path / "zone"
    file.write_text(
        '$TTL 1h\n; a comment\n\na.example. IN TXT "one" "two" ; said\na.example. IN A 192.0.2.1\nb.example. 5m IN TXT "with \\"quotes\\" ; inside"\n'
        '$ORIGIN example.\n@ TXT "at"\nc TXT (\n "three"\n "four" )\n   TXT "again"\n'
    )
    records = _records_file.read(file)
    assert list(records("a.example")) == ["onetwo"]
    assert list(records("B.example.")) == ['with "quotes" ; inside']
    assert list(records("example")) == ["at"]
    assert list(records("c.example")) == ["threefour", "again"]


def test_every_key_of_the_setup_is_named_to_whoever_mistypes_one() -> None:
    assert set(_setup.KEYS) == {
        "box_address", "authserv_id", "persons", "owner", "own_header", "instance_tag", "plus_addressing", "timezone", "now", "dns",
    }  # fmt: skip
