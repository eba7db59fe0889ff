"""The image for 64-bit Arm in QEMU: from the plug to the first answer. Always emulated on a PC; the times go into the report."""

from __future__ import annotations

import time

import pytest

from tests.image.conftest import BOOT_S, DOCUMENT, FACT, Plug, claim_code, image_of, resident_of, until_good
from tests.image.report import Report
from tests.image.resident import letter

pytestmark = [pytest.mark.image_full, pytest.mark.timeout(7200)]

ANSWER_S = 3600.0
SLOWER = 3  # than the PC, which is emulated as well


def test_it_boots_is_claimed_learns_and_answers_a_mail(plug: Plug, report: Report) -> None:
    machine = plug(image_of("arm64"), board="arm64")
    report.detail("arm64_boot_first_s", round(machine.plug_in().until_up(SLOWER * BOOT_S), 1))
    anna = resident_of(machine, logged_in=False)
    anna.claim(claim_code(machine, SLOWER * 120.0))
    anna.teach(DOCUMENT, FACT)
    began = time.monotonic()
    anna.write_until_taken(letter("The alarm", "What is the code of the alarm in the summer house?"), 600)
    answer = anna.until_answered("The alarm", ANSWER_S)
    report.detail("arm64_answer_s", round(time.monotonic() - began, 1))
    assert "4711" in answer.text
    until_good(machine, SLOWER * 300.0)
    machine.switch_off()
    report.detail("arm64_boot_second_s", round(machine.plug_in().until_up(SLOWER * BOOT_S), 1))
    anna = resident_of(machine)
    assert anna.documents() == [DOCUMENT]
    assert [each.subject for each in anna.letters()] == ["Re: The alarm"]
