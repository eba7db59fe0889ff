"""A box in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.box.places import Places
from tests.fakes.programs import Programs

MACHINE_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A box whose partitions are mounted."""
    root = tmp_path / "box"
    for folder in ("efi/grub", "data/nisse", "run/nisse", "etc/nisse", "proc", "usr/share/zoneinfo/Europe"):
        (root / folder).mkdir(parents=True)
    (root / "etc/machine-id").write_text(f"{MACHINE_ID}\n")
    (root / "proc/cmdline").write_text("root=PARTLABEL=root_a ro rauc.slot=A panic=10 nisse.mode=normal\n")
    (root / "usr/share/zoneinfo/Europe/Berlin").write_text("TZif2")
    (root / "etc/nisse/image.toml").write_text(
        'version = "0.4.0"\nboard = "pc"\nepoch = 1700000000\nmodel = "tiny"\n'
    )
    return Places(root)


@pytest.fixture
def programs() -> Programs:
    """The system's programs."""
    return Programs()
