"""What homes do to a box: nonsense on the card, no internet, a wrong clock, a full disk, a small medium."""

from __future__ import annotations

import random
import smtplib
import subprocess
import time
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.image.conftest import BOOT_S, DOCUMENT, Claimed, Plug, claim_code, resident_of, until_good
from tests.image.medium import Medium
from tests.image.report import Report
from tests.image.resident import Resident, letter

pytestmark = [pytest.mark.image_full, pytest.mark.timeout(2 * 3600)]

LEFT = 20_000_000  # bytes: less than the house keeps for making room
NONSENSE = {
    "huge": b'[box]\nname = "' + b"n" * 3_000_000 + b'"\n',
    "bytes": bytes(range(256)) * 16,
    "depth": b"a = " + b"[" * 20_000 + b"]" * 20_000,
    "commands": b'[run]\ncommand = "rm -rf /"\n[box]\nname = "; reboot"\n[wifi]\nssid = "a\\nb"\npassword = "$(reboot)"\n',
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_in_the_presets_keeps_no_box_from_starting(plug: Plug, kind: str) -> None:
    machine = plug()
    medium = Medium(machine.disk_file)
    medium.write("nisse.toml", NONSENSE[kind])
    machine.plug_in().until_up(BOOT_S)
    assert claim_code(machine)
    assert machine.boots == [("A", "normal")]
    assert machine.shell.ask("systemctl list-units --failed --plain --no-legend") == ""
    machine.switch_off()
    is_read = kind == "commands"  # what cannot be read stays, to be mended
    assert (medium.read("nisse.toml") is None) == is_read


def test_presets_are_taken_and_their_secrets_removed(plug: Plug) -> None:
    machine = plug()
    medium = Medium(machine.disk_file)
    secret = b"correct-horse-wifi-9417"
    medium.write(
        "nisse.toml", b'[box]\nname = "kobold"\n[wifi]\nssid = "Home"\npassword = "' + secret + b'"\n'
    )
    machine.plug_in().until_up(BOOT_S)
    resident = Resident(machine.url, machine.door_port)
    resident.claim(claim_code(machine))
    assert machine.shell.ask("cat /proc/sys/kernel/hostname") == "kobold"
    machine.switch_off()
    partition = medium.partitions["esp"]
    assert not [at for at in medium.holds(secret) if at < partition.begin + partition.size]


@pytest.mark.parametrize("clock", ["1980-01-01T00:00:30", "2099-06-01T12:00:00"])
def test_with_a_wrong_clock_a_fresh_box_is_claimed_and_takes_mail(
    plug: Plug, clock: str, report: Report
) -> None:
    machine = plug(clock=clock)
    machine.plug_in().until_up(BOOT_S)
    resident = Resident(machine.url, machine.door_port)
    resident.claim(claim_code(machine))
    resident.write_until_taken(letter("Which year is it", "Which year is it?"), 120)
    year = int(machine.shell.ask("date +%Y"))
    report.detail(f"clock_{clock[:4]}_becomes", year)
    assert year >= 2026, "the clock never goes back behind the day on which the image was built"
    until_good(machine)


def test_a_full_disk_refuses_and_loses_nothing_and_takes_mail_again(claimed: Claimed, plug: Plug) -> None:
    machine = plug(claimed.disk, forgets=True)
    machine.plug_in().until_up(BOOT_S)
    until_good(machine)
    dispensable = str(resident_of(machine).teach("old.txt", "Nobody needs this any more.")["id"])
    free = int(machine.shell.ask("df --output=avail -B1 /data").splitlines()[-1])
    machine.shell.ask(f"fallocate -l {free - LEFT} /data/filling && sync")
    anna = resident_of(machine)  # whoever wants to make room must be let in
    mail = letter("Full", "Is there room?")
    assert _refusal(anna, mail).smtp_code == 452
    assert anna.teach("more.txt", "More.", status=507)
    anna.says(f"/documents/{dispensable}/remove", {}, page="/documents")
    assert anna.documents() == [DOCUMENT]
    machine.shell.ask("rm /data/filling && sync")
    anna.write_until_taken(mail, 120)
    machine.cut_power(random.Random(1))
    machine.plug_in().until_up(BOOT_S)
    until_good(machine)
    assert resident_of(machine).documents() == [DOCUMENT]


def _refusal(resident: Resident, mail: EmailMessage, seconds: float = 120.0) -> smtplib.SMTPDataError:
    """What the door says of a mail that it does not take; a door that is not open yet is asked again."""
    end = time.monotonic() + seconds
    while True:
        try:
            resident.write(mail)
        except smtplib.SMTPServerDisconnected:
            assert time.monotonic() < end, "the door does not open"
            time.sleep(2)
        except smtplib.SMTPDataError as refused:
            return refused
        else:
            raise AssertionError("the mail was taken")


def test_a_missing_second_slot_is_made_again(claimed: Claimed, plug: Plug) -> None:
    machine = plug(claimed.disk)
    medium = Medium(machine.disk_file)
    before = medium.partitions["root_b"]
    subprocess.run(["sfdisk", "--delete", str(machine.disk_file), "3"], check=True, capture_output=True)
    machine.plug_in().until_up(BOOT_S)
    until_good(machine)
    assert resident_of(machine).documents() == [DOCUMENT]
    machine.switch_off()
    after = medium.partitions["root_b"]
    assert (after.number, after.size) == (before.number, before.size)


def test_a_medium_without_room_for_a_second_slot_still_serves(plug: Plug, image: Path) -> None:
    size = image.stat().st_size / 1e9
    machine = plug(gigabytes=int(size + 1.9))
    machine.plug_in().until_up(BOOT_S)
    resident = Resident(machine.url, machine.door_port)
    resident.claim(claim_code(machine))
    machine.switch_off()
    assert "data" in Medium(machine.disk_file).partitions


def test_the_medium_that_is_too_small_says_so(plug: Plug, image: Path) -> None:
    machine = plug(gigabytes=0)  # no byte more than the image
    machine.plug_in()
    machine.until(lambda: b"too small" in machine.serial, BOOT_S, "the word that it is too small")
    time.sleep(5)
    assert machine.keep_on()


def test_a_second_medium_with_the_same_image_is_left_alone(claimed: Claimed, plug: Plug, image: Path) -> None:
    machine = plug(claimed.disk, further_disk=image)
    machine.plug_in().until_up(BOOT_S)
    until_good(machine)
    assert "vdb2 root_a" in machine.shell.ask("lsblk -rno NAME,PARTLABEL")
    assert machine.shell.ask("findmnt -no SOURCE /") == "/dev/vda2"
    own, strange = machine.shell.ask("lsblk -no PARTUUID /dev/vda2 /dev/vdb2").split()
    assert own != strange
    assert f"root=PARTUUID={own} " in machine.shell.ask("cat /proc/cmdline")
    assert resident_of(machine).documents() == [DOCUMENT]
