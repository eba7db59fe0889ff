"""Which partitions there should be."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.errors import StorageError
from provisioning.firstboot import table
from tests.fakes.kernel_disks import disk

ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
ROOT = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
FLASHED = {"esp": (1, 512), "root_a": (513, 2048)}
WHOLE = FLASHED | {"root_b": (2561, 2048), "data": (4609, 11_700)}
TYPES = {1: ESP, 2: ROOT, 3: ROOT, 4: table.DATA_TYPE}


def test_a_fresh_medium_gets_a_second_slot_as_large_as_the_first_and_the_rest_for_the_house() -> None:
    files = table.definitions(disk(16_384, FLASHED), TYPES)
    assert list(files) == ["10-esp.conf", "20-root_a.conf", "30-root_b.conf", "40-data.conf"]
    assert f"SizeMinBytes={2048 << 20}\nSizeMaxBytes={2048 << 20}" in files["30-root_b.conf"]
    assert "Format=ext4" in files["40-data.conf"]
    assert "SizeMaxBytes" not in files["40-data.conf"]


def test_a_complete_table_is_left_alone() -> None:
    assert table.is_complete(disk(16_310, WHOLE))
    assert not table.is_complete(disk(16_384, FLASHED))


def test_a_larger_medium_is_used() -> None:
    assert not table.is_complete(disk(32_768, WHOLE))


def test_a_second_slot_that_is_gone_is_made_again() -> None:
    lacking = disk(16_310, {name: place for name, place in WHOLE.items() if name != "root_b"})
    assert not table.is_complete(lacking)
    assert "30-root_b.conf" in table.definitions(lacking, {1: ESP, 2: ROOT, 3: table.DATA_TYPE})


def test_a_small_medium_does_without_the_second_slot() -> None:
    small = disk(4096, FLASHED)
    assert "30-root_b.conf" not in table.definitions(small, TYPES)
    assert table.is_complete(disk(4096, FLASHED | {"data": (2561, 1530)}))


def test_one_that_is_too_small_is_refused_with_the_sizes() -> None:
    with pytest.raises(StorageError, match=r"has 2\.9 GB, and the house needs 3\.5 GB"):
        table.definitions(disk(3000, FLASHED), TYPES)


def test_a_medium_without_the_image_is_refused() -> None:
    with pytest.raises(StorageError, match="anew"):
        table.definitions(disk(16_384, {"esp": (1, 512)}), {1: ESP})


@pytest.mark.root
@pytest.mark.skipif(not shutil.which("systemd-repart"), reason="systemd-repart is not installed")
@pytest.mark.parametrize("lacks", ["nothing", "root_b"])
def test_systemd_repart_makes_of_it_what_is_meant(tmp_path: Path, lacks: str) -> None:
    """The real program on a file, without file systems: making those needs a loop device."""
    medium = tmp_path / "medium"
    with medium.open("wb") as file:
        file.truncate(16_384 << 20)
    lines = ["label: gpt", f'start=2048, size={512 << 11}, type={ESP}, name="esp"']
    lines.append(f'size={2048 << 11}, type={ROOT}, name="root_a"')
    if lacks == "root_b":
        lines.append(f'start={4609 << 11}, size={11_700 << 11}, type={table.DATA_TYPE}, name="data"')
    subprocess.run(["sfdisk", "-q", medium], input="\n".join(lines).encode(), check=True)
    before = FLASHED if lacks == "nothing" else FLASHED | {"data": (4609, 11_700)}
    types = TYPES if lacks == "nothing" else {1: ESP, 2: ROOT, 3: table.DATA_TYPE}
    folder = tmp_path / "repart.d"
    folder.mkdir()
    for name, content in table.definitions(disk(16_384, before), types).items():
        (folder / name).write_text(content.replace("Format=ext4\n", ""))
    command = ["systemd-repart", "--dry-run=no", "--empty=refuse", "--seed=random", "--no-pager"]
    subprocess.run([*command, f"--definitions={folder}", medium], check=True, capture_output=True)
    shown = subprocess.run(["sfdisk", "--json", medium], check=True, capture_output=True).stdout
    rows = {row["name"]: row for row in json.loads(shown)["partitiontable"]["partitions"]}
    assert set(rows) == {"esp", "root_a", "root_b", "data"}
    assert rows["root_b"]["size"] == rows["root_a"]["size"]
    ends = [row["start"] + row["size"] for row in rows.values()]
    assert (16_384 << 11) - max(ends) < 2 << 11
