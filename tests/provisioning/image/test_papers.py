"""What goes beside an image."""

from __future__ import annotations

import dataclasses
import json

import pytest

from agent.errors import ConflictError
from provisioning.image import inventory, papers
from provisioning.image.inventory import Part
from provisioning.image.job import Job

PARTS = (
    Part("deb", "bash", "5.2-1", address="pkg:deb/debian/bash@5.2-1?arch=amd64"),
    Part("model", "m-file.gguf", "abc", "Apache-2.0", sha256="0" * 64),
    Part("pypi", "flask", "3.1.3", "BSD-3-Clause", "pkg:pypi/flask@3.1.3"),
)


def test_the_spdx_document_names_every_part_with_an_identity_of_its_own(job: Job) -> None:
    document = json.loads(inventory.spdx(job, PARTS))
    assert document["spdxVersion"] == "SPDX-2.3"
    assert document["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    assert [package["name"] for package in document["packages"][1:]] == [part.name for part in PARTS]
    identities = {package["SPDXID"] for package in document["packages"]}
    assert len(identities) == len(PARTS) + 1
    named = {each["relatedSpdxElement"] for each in document["relationships"]}
    assert named == identities
    assert document["packages"][2]["checksums"][0]["checksumValue"] == "0" * 64


def test_the_spdx_document_is_the_same_for_the_same_build(job: Job) -> None:
    assert inventory.spdx(job, PARTS) == inventory.spdx(dataclasses.replace(job), PARTS)


def test_the_list_has_a_line_for_each_part() -> None:
    assert inventory.listing(PARTS).splitlines()[0] == "deb\tbash\t5.2-1"


def test_the_imagers_entry_has_sizes_sums_and_the_presets_format(job: Job) -> None:
    sums = {f"{job.stem}.img.zst": (10, "aa"), f"{job.stem}.img": (100, "bb")}
    entry = papers.imager_entry(job, sums)
    assert entry["image_download_size"] == 10
    assert entry["extract_sha256"] == "bb"
    assert entry["init_format"] == "rpi-preseed"
    assert "devices" not in entry
    board = dataclasses.replace(job.board, imager_devices=("pi5-64bit",))
    named = papers.imager_entry(dataclasses.replace(job, board=board), sums)
    assert named["devices"] == ["pi5-64bit"]


def test_a_build_that_should_be_like_another_says_what_is_not() -> None:
    then = inventory.listing(PARTS)
    papers.demand_same(then, then)
    now = then.replace("5.2-1", "5.2-2")
    with pytest.raises(ConflictError, match="2 lines differ") as raised:
        papers.demand_same(now, then)
    assert raised.value.hint.splitlines()[1:] == ["- deb bash 5.2-1", "+ deb bash 5.2-2"]
