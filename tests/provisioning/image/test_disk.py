"""The partition table of an image."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess

import pytest

from provisioning.image import board as boards
from provisioning.image import disk, slot
from provisioning.image.carrying_out import carry_out
from provisioning.image.job import Job

needs_sfdisk = pytest.mark.skipif(not shutil.which("sfdisk", path="/usr/sbin:/sbin"), reason="needs fdisk")


@needs_sfdisk
def test_the_table_has_the_two_partitions_with_their_names_and_what_was_put_in(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    job.out.mkdir(parents=True)
    job.esp.write_bytes(b"BOOT" * 1000)
    with job.slot.open("wb") as out:
        out.write(b"ROOT")
        out.truncate(512 * slot.MIB)
    carry_out(disk.steps(job), job.out, say=lambda _line: None)

    told = subprocess.run(["sfdisk", "--json", job.image], capture_output=True, text=True, check=True).stdout
    table = json.loads(told)["partitiontable"]
    assert table["label"] == "gpt"
    assert table["id"].lower() == job.identity("disk")
    partitions = table["partitions"]
    assert [each["name"] for each in partitions] == ["esp", "root_a"]
    assert [each["start"] % 2048 for each in partitions] == [0, 0]
    assert partitions[1]["size"] * 512 == 512 * slot.MIB
    content = job.image.open("rb")
    for each, begin in zip(partitions, (b"BOOT", b"ROOT"), strict=True):
        content.seek(each["start"] * 512)
        assert content.read(4) == begin
    content.close()
    assert job.image.stat().st_blocks * 512 < 10 * slot.MIB  # holes stay holes


def test_the_same_build_has_the_same_identities_and_another_board_others(job: Job) -> None:
    other = dataclasses.replace(job, board=boards.load("arm64"))
    assert disk.layout(job, 2048) == disk.layout(dataclasses.replace(job), 2048)
    ours, theirs = set(disk.layout(job, 2048).split()), set(disk.layout(other, 2048).split())
    assert not {word for word in ours & theirs if word.startswith("uuid=")}
