"""Keys: encrypted where they lie, and opened by their passphrase alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from securesystemslib.signer import SSlibKey

from agent.errors import ConflictError, NotFoundError, SettingsError
from provisioning.release import keys
from provisioning.release.keys import KeyRing

PASSPHRASE = "five words by chance here"


def _ask(_name: str) -> str:
    return PASSPHRASE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("keys")
    keys.make(place, "root-1", _ask)
    return place


def _public(folder: Path) -> SSlibKey:
    return keys.public(folder / "root-1.pub.json")


def test_a_key_signs_what_its_public_half_verifies(folder: Path) -> None:
    (signer,) = KeyRing([folder], _ask).signers([_public(folder).keyid, "another"])
    signature = signer.sign(b"a list")
    _public(folder).verify_signature(signature, b"a list")


def test_a_private_key_is_for_its_owner_alone(folder: Path) -> None:
    assert (folder / "root-1.p12").stat().st_mode & 0o777 == 0o600


def test_openssl_reads_it_with_the_passphrase_and_not_without(folder: Path) -> None:
    def read(passphrase: str) -> subprocess.CompletedProcess[bytes]:
        command = ["openssl", "pkcs12", "-in", str(folder / "root-1.p12"), "-nocerts", "-noenc", "-passin"]
        return subprocess.run([*command, f"pass:{passphrase}"], capture_output=True, check=False)

    assert b"PRIVATE KEY" in read(PASSPHRASE).stdout
    assert read("another passphrase").returncode != 0


def test_a_wrong_passphrase_is_said(folder: Path) -> None:
    with pytest.raises(SettingsError, match="the passphrase is wrong"):
        KeyRing([folder], lambda _name: "another passphrase").signers([_public(folder).keyid])


def test_a_passphrase_is_asked_for_once(folder: Path) -> None:
    asked: list[str] = []

    def ask(name: str) -> str:
        asked.append(name)
        return PASSPHRASE

    ring = KeyRing([folder], ask)
    ring.signers([_public(folder).keyid])
    ring.signers([_public(folder).keyid])
    assert asked == ["root-1"]


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="fewer than 12"):
        keys.make(tmp_path, "root-1", lambda _name: "short")
    assert not list(tmp_path.iterdir())


def test_a_key_is_never_overwritten(folder: Path) -> None:
    before = (folder / "root-1.p12").read_bytes()
    with pytest.raises(ConflictError):
        keys.make(folder, "root-1", _ask)
    assert (folder / "root-1.p12").read_bytes() == before


@pytest.mark.parametrize("name", ["", "../key", "Root", "a" * 50])
def test_a_key_cannot_be_called_anything(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError):
        keys.make(tmp_path, name, _ask)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keyid": 5}', '{"keyid": "a", "keytype": "x"}'])
def test_what_is_no_public_key_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.pub.json").write_text(content)
    with pytest.raises(SettingsError):
        keys.public(tmp_path / "a.pub.json")


def test_a_public_key_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        keys.public(tmp_path / "a.pub.json")


def test_passphrases_come_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    assert keys.asker(tmp_path / "passphrase")("any") == PASSPHRASE
    monkeypatch.setenv(keys.PASSPHRASE, "from the environment")
    assert keys.asker(None)("any") == "from the environment"
    with pytest.raises(NotFoundError):
        keys.asker(tmp_path / "nothing")
