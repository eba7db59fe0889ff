"""Signed updates: packed, checked, and what is wrong is said."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.errors import NotFoundError, SettingsError
from provisioning.image import boot, bundle, keys

needs_rauc = pytest.mark.skipif(
    not (shutil.which("rauc") and shutil.which("mksquashfs")),
    reason="needs rauc; `make test-image` installs it",
)


def wish(folder: Path, pair: keys.Pair) -> bundle.Wish:
    system = folder / "root.ext4"
    if not system.exists():
        system.write_bytes(random.Random(1).randbytes(1 << 20))
    return bundle.Wish(
        board="pc", version="7", system=system, pair=pair, target=folder / "out" / "update.raucb"
    )


@needs_rauc
def test_a_bundle_is_signed_and_only_its_own_certificate_opens_it(tmp_path: Path) -> None:
    ours, other = keys.development(tmp_path / "ours"), keys.development(tmp_path / "other")
    packed = bundle.pack(wish(tmp_path, ours))

    def info(pair: keys.Pair) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["rauc", "info", f"--keyring={pair.certificate}", str(packed)],
            capture_output=True,
            text=True,
            check=False,
        )

    assert "'verity' format" in info(ours).stdout or "verity" in info(ours).stdout
    assert "nisse-pc" in info(ours).stdout
    assert info(other).returncode
    assert [each.name for each in packed.parent.iterdir()] == ["update.raucb"]


@needs_rauc
def test_a_key_that_does_not_fit_its_certificate_is_refused(tmp_path: Path) -> None:
    ours, other = keys.development(tmp_path / "ours"), keys.development(tmp_path / "other")
    mixed = keys.Pair(key=ours.key, certificate=other.certificate)
    with pytest.raises(SettingsError, match="RAUC says"):
        bundle.pack(wish(tmp_path, mixed))


def test_without_a_built_system_it_says_what_to_do(tmp_path: Path) -> None:
    pair = keys.Pair(key=tmp_path / "key", certificate=tmp_path / "certificate")
    nothing = bundle.Wish(
        board="pc", version="7", system=tmp_path / "none", pair=pair, target=tmp_path / "out"
    )
    with pytest.raises(NotFoundError, match="make image BOARD=pc"):
        bundle.pack(nothing)


def test_a_development_key_is_made_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    pair = keys.development(tmp_path / "keys")
    secret = pair.key.read_bytes()
    assert keys.development(tmp_path / "keys") == pair
    assert pair.key.read_bytes() == secret
    assert pair.key.stat().st_mode & 0o777 == 0o600


def test_half_a_pair_is_not_made_whole_silently(tmp_path: Path) -> None:
    pair = keys.development(tmp_path / "keys")
    pair.certificate.unlink()
    with pytest.raises(SettingsError, match="missing"):
        keys.development(tmp_path / "keys")


def test_grubs_script_is_one(tmp_path: Path) -> None:
    checker = shutil.which("grub-script-check")
    if not checker:
        pytest.skip("needs grub-script-check; `make test-image` installs it")
    script = boot.grub_configuration(console="ttyS0,115200")
    assert "@" not in script.replace("@boot", "")
    assert "console=tty0 console=ttyS0,115200" in script
    (tmp_path / "grub.cfg").write_text(script)
    subprocess.run([checker, str(tmp_path / "grub.cfg")], check=True)


def test_raucs_settings_name_the_board() -> None:
    assert "compatible=nisse-arm64\n" in boot.rauc_configuration(board="arm64")
    assert "bundle-formats=verity" in boot.rauc_configuration(board="arm64")
