"""When there is a hotspot and when not."""

from __future__ import annotations

from dataclasses import replace

from provisioning.network.watching import Seen, Watch, Wish

NOTHING = Seen(connected=False, radio=True, hotspot=False, guests=False, known=False, claimed=False)
OPEN = replace(NOTHING, hotspot=True)


def test_a_cable_or_a_known_wifi_needs_no_hotspot() -> None:
    assert Watch.begin(0).decide(replace(NOTHING, connected=True), 1) is Wish.END


def test_without_a_network_it_opens_after_a_while() -> None:
    watch = Watch.begin(0)
    assert watch.decide(NOTHING, 44) is Wish.WAIT
    assert watch.decide(NOTHING, 46) is Wish.OPEN


def test_without_a_radio_it_waits_for_one_and_gives_up() -> None:
    watch, seen = Watch.begin(0), replace(NOTHING, radio=False)
    assert watch.decide(seen, 60) is Wish.WAIT
    assert watch.decide(seen, 121) is Wish.END


def test_a_cable_that_is_plugged_in_closes_it() -> None:
    watch = Watch.begin(0)
    watch.decide(NOTHING, 46)
    assert watch.decide(replace(OPEN, connected=True), 60) is Wish.CLOSE
    assert watch.decide(replace(NOTHING, connected=True), 65) is Wish.END


def test_an_unclaimed_box_keeps_it_open() -> None:
    watch = Watch.begin(0)
    watch.decide(NOTHING, 46)
    assert watch.decide(OPEN, 100_000) is Wish.WAIT


def test_it_closes_ten_minutes_after_the_claim_and_stays_closed() -> None:
    watch, claimed = Watch.begin(0), replace(OPEN, claimed=True, guests=True)
    watch.decide(NOTHING, 46)
    assert watch.decide(OPEN, 1000) is Wish.WAIT
    assert watch.decide(claimed, 1010) is Wish.WAIT
    assert watch.decide(claimed, 1600) is Wish.WAIT
    assert watch.decide(claimed, 1611) is Wish.CLOSE
    assert watch.decide(replace(claimed, hotspot=False), 1616) is Wish.END


def test_a_router_that_starts_slower_than_the_box_is_found() -> None:
    watch, known = Watch.begin(0), replace(OPEN, known=True)
    assert watch.decide(replace(NOTHING, known=True), 46) is Wish.OPEN
    assert watch.decide(known, 200) is Wish.WAIT
    assert watch.decide(known, 227) is Wish.CLOSE
    assert watch.decide(replace(NOTHING, known=True), 250) is Wish.WAIT
    assert watch.decide(replace(NOTHING, known=True), 273) is Wish.OPEN


def test_nobody_is_thrown_out_for_that() -> None:
    watch, guests = Watch.begin(0), replace(OPEN, known=True, guests=True)
    watch.decide(NOTHING, 46)
    assert watch.decide(guests, 900) is Wish.WAIT
