"""The claim code where people find it."""

from __future__ import annotations

from agent import claim
from provisioning.box.places import Places
from provisioning.firstboot import claiming

ADDRESS = "http://nisse.local"


def test_the_code_stands_on_the_boot_partition_until_it_is_used(places: Places) -> None:
    claiming.make(places)
    claiming.show_on_boot_partition(places, ADDRESS)
    text = (places.esp / claiming.FILE_NAME).read_text()
    assert claim.code(places.home) in text
    assert ADDRESS in text
    claim.used(places.home)
    claiming.show_on_boot_partition(places, ADDRESS)
    assert not (places.esp / claiming.FILE_NAME).exists()


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


def test_a_box_that_nobody_owns_shows_its_claim_code_instead(places: Places) -> None:
    claiming.make(places)
    (places.esp / "RESET-PASSWORD.txt").write_text("")
    claiming.take_lost_password(places)
    assert claiming.current(places) == claim.code(places.home)
    assert not (places.home / claiming.LOST_NAME).exists()
