"""Signed mails, alone and within lists, forms and files.

Owns: those mails.
Does not know: how they are read, or whether they are answered.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.letters.corpus.letter import Letter, letter, multipart, part


def letters() -> Iterator[Letter]:
    """All of them."""
    text = part("text/plain", "Hello")
    smime = part(
        "application/pkcs7-signature; name=smime.p7s",
        b"0\x82",
        "Content-Disposition: attachment; filename=smime.p7s",
        encoding="base64",
    )
    pgp = part(
        "application/pgp-signature; name=signature.asc",
        "-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----",
    )
    yield letter(
        "signed, S/MIME",
        multipart('signed; protocol="application/pkcs7-signature"; micalg=sha-256', text, smime),
        "Hello",
    )
    yield letter("signed, PGP", multipart('signed; protocol="application/pgp-signature"', text, pgp), "Hello")
    inner = multipart(
        "mixed",
        text,
        part(
            "application/pdf", b"%PDF", "Content-Disposition: attachment; filename=a.pdf", encoding="base64"
        ),
        boundary="B2",
    )
    yield letter("signed, with a file", multipart("signed", inner, pgp), "Hello", files=("a.pdf",))
    yield letter(
        "signed, with forms",
        multipart(
            "signed", multipart("alternative", text, part("text/html", "<p>x</p>"), boundary="B2"), smime
        ),
        "Hello",
    )
    listed = multipart(
        "mixed",
        multipart("signed", text, pgp, boundary="B2"),
        part("text/plain", "_______\nlist mailing list\nlist@example.com"),
    )
    yield letter("signed, in a list", listed, "Hello\n\n_______\nlist mailing list\nlist@example.com")
