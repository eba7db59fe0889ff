"""The claim code where people find it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent import claim, durable
from provisioning.box.places import Places
from provisioning.firstboot import claiming, identity, keys

ADDRESS = "http://nisse.local"


def test_the_code_stands_on_the_boot_partition_until_it_is_used(places: Places) -> None:
    claiming.make(places)
    keys.make(places)
    claiming.show_on_boot_partition(places, ADDRESS)
    text = (places.esp / claiming.FILE_NAME).read_text()
    assert claim.code(places.home) in text
    assert ADDRESS in text
    assert identity.hotspot_name(places) in text
    assert f"password  {keys.hotspot_password(places)}" in text
    claim.used(places.home)
    claiming.show_on_boot_partition(places, ADDRESS)
    assert not (places.esp / claiming.FILE_NAME).exists()


def test_two_who_write_the_code_at_once_write_it_once(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    claiming.make(places)
    written = []
    write = durable.write

    def slowly(path: Path, content: str, **how: Any) -> None:
        time.sleep(0.2)
        written.append(path)
        write(path, content, **how)

    monkeypatch.setattr(durable, "write", slowly)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: claiming.show_on_boot_partition(places, ADDRESS), range(2)))
    assert written == [places.esp / claiming.FILE_NAME]


def test_what_said_another_address_is_overwritten_where_it_lay(places: Places) -> None:
    claiming.make(places)
    claiming.show_on_boot_partition(places, ADDRESS)
    file = places.esp / claiming.FILE_NAME
    with file.open("rb") as old:
        claiming.show_on_boot_partition(places, "http://kobold.local")
        assert not old.read().strip(b"\0")
    assert "kobold" in file.read_text()


def test_a_further_start_keeps_the_code(places: Places) -> None:
    claiming.make(places)
    before = claim.code(places.home)
    claiming.make(places)
    assert claim.code(places.home) == before


def test_whoever_has_the_card_gets_a_code_for_a_new_password(places: Places) -> None:
    claiming.make(places)
    claim.used(places.home)
    (places.esp / "RESET-PASSWORD").write_text("")
    claiming.take_lost_password(places)
    code = claiming.current(places)
    assert code
    assert claim.code(places.home) == ""  # the house is not up for claiming
    assert not (places.esp / "RESET-PASSWORD").exists()
    claiming.show_on_boot_partition(places, ADDRESS)
    assert code in (places.esp / claiming.FILE_NAME).read_text()


def test_a_folder_that_bears_the_name_asks_for_nothing(places: Places) -> None:
    claiming.make(places)
    claim.used(places.home)
    (places.esp / "RESET-PASSWORD").mkdir()
    claiming.take_lost_password(places)
    assert claiming.current(places) == ""


def test_what_bears_the_codes_name_and_is_no_file_opens_the_house_to_nobody(places: Places) -> None:
    (places.home / claim.FILE_NAME).symlink_to("/etc/hostname")
    claiming.make(places)
    assert claim.code(places.home) == ""
    assert (places.home / claim.FILE_NAME).is_file()
    assert not (places.home / claim.FILE_NAME).is_symlink()


def test_a_box_that_nobody_owns_shows_its_claim_code_instead(places: Places) -> None:
    claiming.make(places)
    (places.esp / "RESET-PASSWORD.txt").write_text("")
    claiming.take_lost_password(places)
    assert claiming.current(places) == claim.code(places.home)
    assert not (places.home / claiming.LOST_NAME).exists()
