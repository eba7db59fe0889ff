"""The real RAUC says what a bundle is, and who did not sign it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from provisioning.box.places import Places
from provisioning.box.running import run
from provisioning.image import bundle, keys
from provisioning.system import description
from provisioning.system.description import Description, UnfitError

pytestmark = pytest.mark.skipif(
    not (shutil.which("rauc") and shutil.which("mksquashfs")),
    reason="needs rauc; `make test-image` installs it",
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A box that believes our key."""
    found = Places(tmp_path / "box")
    found.rauc_keyring.parent.mkdir(parents=True)
    shutil.copyfile(keys.development(tmp_path / "ours").certificate, found.rauc_keyring)
    return found


def packed(folder: Path, key: str) -> Path:
    system = folder / "root.ext4"
    system.write_bytes(random.Random(1).randbytes(1 << 20))
    pair = keys.development(folder / key)
    return bundle.pack(
        bundle.Wish(
            board="pc", version="0.7.0", system=system, pair=pair, target=folder / "out" / f"{key}.raucb"
        )
    )


def test_ours_says_board_and_version(places: Places, tmp_path: Path) -> None:
    ours = packed(tmp_path, "ours")
    assert description.read(places, run, ours) == Description(compatible="nisse-pc", version="0.7.0")
    torn = tmp_path / "torn.raucb"
    torn.write_bytes(ours.read_bytes()[:500_000])
    with pytest.raises(UnfitError, match="damaged"):
        description.read(places, run, torn)


def test_a_strangers_is_refused_as_such(places: Places, tmp_path: Path) -> None:
    with pytest.raises(UnfitError, match="not signed by the publishers"):
        description.read(places, run, packed(tmp_path, "strange"))
