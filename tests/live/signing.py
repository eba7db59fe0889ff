"""DKIM keys of test domains: signing as a domain's mail server does, and the records that the domain publishes.

Owns: one key pair per selector, and the ways in which tests want to sign badly.
Does not know: name servers or mail servers.
"""

from __future__ import annotations

import base64
from typing import Any

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

FIELDS = ("from", "to", "cc", "subject", "date", "message-id", "reply-to", "in-reply-to", "references", "mime-version",
          "content-type", "content-transfer-encoding")  # fmt: skip


class Signer:
    """A domain's mail server, as far as it signs."""

    def __init__(self, domain: str, selector: str = "office", *, bits: int = 2048) -> None:
        """Makes the key pair.

        Args:
            domain: Who signs.
            selector: Under which name the key is published.
            bits: Length of the key.
        """
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        self.domain = domain
        self.selector = selector
        self.private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        self.public = base64.b64encode(
            key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        ).decode()

    @property
    def name(self) -> str:
        """Where the key is published."""
        return f"{self.selector}._domainkey.{self.domain}"

    def record(self, more: str = "") -> str:
        """What is published there.

        Args:
            more: Further tags, such as `t=y;`.
        """
        return f"v=DKIM1; k=rsa; {more} p={self.public}"

    def sign(self, mail: bytes, *, fields: tuple[str, ...] = FIELDS, **options: Any) -> bytes:
        """The mail with a signature on top.

        Args:
            mail: The mail; its line ends become CRLF.
            fields: Which fields are signed, as far as they are there; `from` must be among them.
            options: Further ones of `dkim.sign`.
        """
        mail = mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        there = {
            line.partition(b":")[0].strip().lower() for line in mail.partition(b"\r\n\r\n")[0].split(b"\r\n")
        }
        names = [name.encode() for name in fields if name.encode() in there or fields is not FIELDS]
        options = {"include_headers": names, "canonicalize": (b"relaxed", b"relaxed"), **options}
        field = dkim.sign(mail, self.selector.encode(), self.domain.encode(), self.private, **options)
        return bytes(field) + mail
