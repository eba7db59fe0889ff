"""Private keys, encrypted where they lie, and the passphrases that open them.

Owns: making a pair (Ed25519), the file of each, and asking for a passphrase.
Does not know: which key signs what (`repository`).

A private key is a PKCS#12 file, as OpenSSL reads it (`openssl pkcs12 -in root-1.p12 -nocerts`), a public one is JSON as it stands in
the list of keys.
"""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    KeySerializationEncryption,
    PrivateFormat,
    pkcs12,
)
from securesystemslib.signer import CryptoSigner, SSlibKey

from agent import durable
from agent.errors import ConflictError, NotFoundError, SettingsError

PASSPHRASE = "NISSE_RELEASE_PASSPHRASE"  # noqa: S105 - the variable's name
SHORTEST = 12  # characters
_ROUNDS = 600_000  # what OWASP asks of PBKDF2 with SHA-256
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_PRIVATE, _PUBLIC = ".p12", ".pub.json"

Ask = Callable[[str], str]  # the name of a key -> its passphrase


def make(folder: Path, name: str, ask: Ask) -> SSlibKey:
    """Makes a pair of keys.

    Args:
        folder: Where both files go.
        name: Such as root-1.
        ask: For the passphrase.

    Raises:
        SettingsError: The name or the passphrase will not do.
        ConflictError: There is one of that name.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"A key cannot be called {name!r}.", hint="Small letters, digits and hyphens, such as root-1."
        )
    private = folder / f"{name}{_PRIVATE}"
    if private.exists():
        raise ConflictError(
            f"{private} is there already.", hint="Take another name; a key is never overwritten."
        )
    passphrase = ask(name)
    if len(passphrase) < SHORTEST:
        raise SettingsError(
            f"The passphrase has fewer than {SHORTEST} characters.",
            hint="Five words by chance are easy to keep.",
        )
    key = Ed25519PrivateKey.generate()
    durable.write(
        private, pkcs12.serialize_key_and_certificates(name.encode(), key, None, None, _cipher(passphrase))
    )
    signer = CryptoSigner(key)
    durable.write(
        folder / f"{name}{_PUBLIC}", json.dumps(_described(signer.public_key), indent=1) + "\n", mode=0o644
    )
    return signer.public_key


def public(path: Path) -> SSlibKey:
    """A public key from its file.

    Raises:
        NotFoundError: It is not there.
        SettingsError: It is none.
    """
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        return SSlibKey.from_dict(row.pop("keyid"), row)
    except OSError as missing:
        raise NotFoundError(f"{path} cannot be read.", hint="Name the .pub.json of a key.") from missing
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise SettingsError(f"{path} is no public key.", hint="Name the .pub.json of a key.") from wrong


class KeyRing:
    """The private keys at hand."""

    def __init__(self, folders: Iterable[Path], ask: Ask) -> None:
        """Opens none yet.

        Args:
            folders: Where pairs lie, such as a folder and a stick.
            ask: For the passphrase of one.
        """
        self._ask = ask
        self._opened: dict[str, CryptoSigner] = {}
        self._files: dict[str, Path] = {}
        for folder in folders:
            for file in sorted(folder.glob(f"*{_PUBLIC}")):
                private = file.with_name(file.name.removesuffix(_PUBLIC) + _PRIVATE)
                if private.exists():
                    self._files[public(file).keyid] = private

    def signers(self, key_ids: Iterable[str]) -> list[CryptoSigner]:
        """Those of the keys that are at hand, opened.

        Raises:
            SettingsError: A passphrase is wrong.
        """
        return [self._signer(key_id) for key_id in key_ids if key_id in self._files]

    def _signer(self, key_id: str) -> CryptoSigner:
        if key_id not in self._opened:
            file = self._files[key_id]
            self._opened[key_id] = _open(file, self._ask(file.stem))
        return self._opened[key_id]


def asker(file: Path | None) -> Ask:
    """Where passphrases come from: a file, the environment, else the terminal, once for each key.

    Args:
        file: Holds one passphrase for all; its last line break does not count.
    """
    if file is not None:
        text = _text(file)
        return lambda _name: text
    if os.environ.get(PASSPHRASE):
        return lambda _name: os.environ[PASSPHRASE]
    return lambda name: getpass.getpass(f"Passphrase of {name}: ")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as wrong:
        raise NotFoundError(f"The passphrase cannot be read from {file}.") from wrong


def _open(file: Path, passphrase: str) -> CryptoSigner:
    try:
        key, _, _ = pkcs12.load_key_and_certificates(file.read_bytes(), passphrase.encode())
    except (OSError, ValueError) as wrong:
        raise SettingsError(
            f"{file} does not open: the passphrase is wrong, or the file is damaged.", hint="Try again."
        ) from wrong
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"{file} holds no Ed25519 key.")
    return CryptoSigner(key)


def _cipher(passphrase: str) -> KeySerializationEncryption:
    return (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(SHA256())
        .build(passphrase.encode())
    )


def _described(key: SSlibKey) -> dict[str, object]:
    return {"keyid": key.keyid, **key.to_dict()}
