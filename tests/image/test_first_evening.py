"""From the plug to the first answer, over a reboot, without internet (the box reaches nothing beyond this machine)."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.image.conftest import BOOT_S, DOCUMENT, Claimed, Plug, resident_of, until_good
from tests.image.medium import Medium
from tests.image.report import Report
from tests.image.resident import letter

pytestmark = [pytest.mark.image, pytest.mark.timeout(3600)]

ANSWER_S = 1500.0  # a small model, emulated


def test_a_fresh_box_is_up_and_shows_its_code(claimed: Claimed) -> None:
    assert claimed.code in claimed.said
    medium = Medium(claimed.disk)
    assert list(medium.partitions) == ["esp", "root_a", "root_b", "data"]
    assert [part.number for part in medium.partitions.values()] == [1, 2, 3, 4]
    assert medium.partitions["root_b"].size == medium.partitions["root_a"].size
    assert medium.read("SETUP-CODE.txt") is None  # nobody needs it any more


def test_its_start_was_marked_good(claimed: Claimed) -> None:
    counters = Medium(claimed.disk).counters()
    assert counters["A_OK"] == "1"
    assert counters["A_TRY"] == "0"
    assert counters["LAST_GOOD"] == "A"


def test_after_a_reboot_it_answers_a_mail_with_what_it_was_taught(
    claimed: Claimed, plug: Plug, report: Report
) -> None:
    report.figure("mail_answered", value=False)
    machine = plug(claimed.disk)
    report.figure("boot_second_s", machine.plug_in().until_up(BOOT_S))
    anna = resident_of(machine)
    assert anna.documents() == [DOCUMENT]
    anna.write_until_taken(letter("The alarm", "What is the code of the alarm in the summer house?"), 120)
    answer = anna.until_answered("The alarm", ANSWER_S)
    assert "4711" in answer.text
    assert DOCUMENT in answer.text
    until_good(machine)
    machine.switch_off()
    machine.plug_in().until_up(BOOT_S)
    anna = resident_of(machine)
    assert [each.subject for each in anna.letters()] == ["Re: The alarm"]
    report.figure("mail_answered", value=True)


def test_sizes(claimed: Claimed, image: Path, report: Report) -> None:
    packed = image.with_name(image.name + ".zst")
    assert packed.is_file()
    report.figure("image_mb", packed.stat().st_size / 1_000_000)
    said = subprocess.run(
        ["dumpe2fs", "-h", f"{claimed.disk}?offset={Medium(claimed.disk).partitions['root_a'].begin}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    facts = dict(re.findall(r"^(Block count|Free blocks|Block size):\s+(\d+)$", said, re.MULTILINE))
    used = (int(facts["Block count"]) - int(facts["Free blocks"])) * int(facts["Block size"])
    report.figure("installed_mb", used / 1_000_000)
