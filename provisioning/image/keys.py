"""The key that signs system updates, and the certificate that every box of an image holds.

Owns: a key pair for development, made once on the machine that builds.
Does not know: where a real key lies; it is named by an option and never copied.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.errors import SettingsError

_YEARS = 30  # as long as a box may stand in a cellar
_NAME = "Nisse development key, for boxes of this machine only"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The files of a key and of its certificate, both PEM."""

    key: Path
    certificate: Path


def development(folder: Path) -> Pair:
    """This machine's own pair, made at the first call.

    Args:
        folder: Where it is kept. Whoever has the key can update every box that was built with its certificate.

    Raises:
        SettingsError: One of the two files is missing.
    """
    pair = Pair(key=folder / "development.key.pem", certificate=folder / "development.crt.pem")
    there = [file for file in (pair.key, pair.certificate) if file.is_file()]
    if len(there) == 1:
        raise SettingsError(
            f"Of the key and its certificate in {folder} one is missing.",
            hint=f"Bring it back, or remove {there[0].name} as well: then a new pair is made, and boxes with the old one take no update of yours.",
        )
    if not there:
        _make(pair)
    return pair


def _make(pair: Pair) -> None:
    pair.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(pair.key, secret, 0o600)
    _write(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    # From the beginning of the year: the clock of a box that has just been plugged in may be behind by some days.
    begin = dt.datetime.now(dt.UTC).replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _write(file: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        out.write(content)
