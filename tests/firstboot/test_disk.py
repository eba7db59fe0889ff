"""Which partitions belong to the disk that we run from."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import StorageError
from provisioning.firstboot import disk
from tests.fakes import kernel_disks

FLASHED = {"esp": (1, 512), "root_a": (513, 2048)}


def test_the_partitions_of_our_disk_are_found_by_name(tmp_path: Path) -> None:
    here = kernel_disks.disk(8192, FLASHED)
    kernel_disks.write(tmp_path, here)
    assert disk.own(tmp_path, kernel_disks.ROOT_DEVICE) == here


def test_the_free_space_is_behind_the_last_one() -> None:
    assert kernel_disks.disk(8192, FLASHED).free_at_end == (8192 - 2561) * kernel_disks.MEGABYTE


def test_a_root_that_lies_on_no_partition_is_refused(tmp_path: Path) -> None:
    kernel_disks.write(tmp_path, kernel_disks.disk(8192, FLASHED))
    with pytest.raises(StorageError, match="Write the image"):
        disk.own(tmp_path, os.makedev(0, 30))


def test_each_partition_gets_a_link_and_a_stale_one_is_replaced(tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "esp").symlink_to("/dev/elsewhere")
    disk.link(kernel_disks.disk(8192, FLASHED | {"../evil": (3000, 1)}), links)
    assert {link.name: str(link.readlink()) for link in links.iterdir()} == {
        "esp": "/dev/sda1",
        "root_a": "/dev/sda2",
    }


def test_a_partition_that_was_just_made_has_its_name_from_the_table() -> None:
    unnamed = kernel_disks.disk(8192, FLASHED | {"": (2561, 4096)})
    megabyte = kernel_disks.MEGABYTE
    rows = [
        {"start": start * megabyte // 512, "name": name}
        for name, start in (("esp", 1), ("root_a", 513), ("data", 2561))
    ]
    table = json.dumps({"partitiontable": {"sectorsize": 512, "partitions": rows}})
    assert disk.named(unnamed, table).partition("data") == replace(unnamed.partitions[-1], name="data")
    assert disk.named(unnamed, table).partitions[:2] == unnamed.partitions[:2]
