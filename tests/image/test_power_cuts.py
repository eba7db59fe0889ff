"""The plug is pulled at random moments, and what was not flushed is lost by chance: afterwards the house is well, and nothing is lost or
answered twice.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter

import httpx
import pytest

from tests.image import scripted
from tests.image.conftest import BOOT_S, DOCUMENT, Claimed, Plug, claim_code, resident_of, until_good
from tests.image.machine import Machine
from tests.image.report import Report
from tests.image.resident import Resident, letter

SEED = int(os.environ.get("SEED", "20261121"))
CUTS = int(os.environ.get("CUTS", "10"))
MAILS = 5  # at each cut with mails in flight
_CHECK = """
set -e
for file in /data/nisse/*.db; do
    /opt/nisse/venv/bin/python - "$file" <<'PYTHON'
import sqlite3, sys, sqlite_vec
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=30)
database.enable_load_extension(True)
sqlite_vec.load(database)
verdict = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
assert verdict == "ok", (sys.argv[1], verdict)
print(sys.argv[1], verdict)
PYTHON
done
"""
# As the portal saves them, in its name.
_WISH = """
setpriv --reuid nisse-portal --regid nisse-portal --init-groups /opt/nisse/venv/bin/python -I - <<'PYTHON'
from pathlib import Path
from agent import settings
settings.save(Path("/data/nisse"), {wishes})
PYTHON
"""


class Cuts:
    """Counts the cuts and what came of each."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._chance = random.Random(SEED)
        self.rows: list[dict[str, object]] = []
        self.unhealthy = 0
        report.figure("power_cuts", 0)
        report.figure("power_cuts_unhealthy", 0)

    def pause(self, low: float, high: float) -> float:
        """Waits a random while."""
        seconds = self._chance.uniform(low, high)
        time.sleep(seconds)
        return seconds

    def cut(self, machine: Machine, moment: str, *, checks: bool = True) -> None:
        """Pulls the plug, plugs it in again, and sees whether the house is well."""
        kept, lost = machine.cut_power(self._chance)
        row: dict[str, object] = {"moment": moment, "blocks_kept": kept, "blocks_lost": lost}
        try:
            row["up_s"] = round(machine.plug_in().until_up(BOOT_S), 1)
            if checks:
                is_well(machine)
            row["well"] = True
        except AssertionError as unwell:
            row |= {"well": False, "why": str(unwell)[-300:]}
            self.unhealthy += 1
        self.rows.append(row)
        self._report.figure("power_cuts", len(self.rows))
        self._report.figure("power_cuts_unhealthy", self.unhealthy)
        self._report.detail("power_cuts", self.rows)


def is_well(machine: Machine) -> None:
    """Fails unless every database is sound and the start is a normal one that is found good."""
    machine.shell.wait(BOOT_S)
    machine.shell.ask(_CHECK, seconds=300)
    until_good(machine)
    assert machine.boots[-1][1] == "normal"


@pytest.fixture
def cuts(report: Report) -> Cuts:
    return Cuts(report)


@pytest.mark.image
@pytest.mark.timeout(3600)
def test_one_cut_while_mails_are_in_flight(claimed: Claimed, plug: Plug, cuts: Cuts) -> None:
    machine = _ready_for_mail(plug, claimed)
    sent = _in_flight(machine, cuts, "mails in flight", 1)
    _each_once(machine, sent)
    assert not cuts.unhealthy, cuts.rows


@pytest.mark.image_full
@pytest.mark.timeout(4 * 3600)
def test_the_house_outlives_power_cuts_at_any_moment(claimed: Claimed, plug: Plug, cuts: Cuts) -> None:
    first = max(2, CUTS // 4)
    fresh = plug(forgets=True, extra=scripted.options()).plug_in()
    for number in range(first):
        cuts.pause(5, 60) if number else time.sleep(
            claimed.first_s * 0.6
        )  # once in the midst of making its partitions
        cuts.cut(fresh, "first boot", checks=number == first - 1)
    resident = Resident(fresh.url, fresh.door_port)
    resident.claim(claim_code(fresh))  # it can still be claimed
    fresh.remove()

    machine = _ready_for_mail(plug, claimed)
    learnt = max(2, CUTS // 5)
    for number in range(learnt):
        _while_it_learns(machine, cuts, number)
    sent: list[str] = []
    for number in range(CUTS - first - learnt):
        sent += _in_flight(machine, cuts, "mails in flight", number)
    _each_once(machine, sent)
    assert not cuts.unhealthy, cuts.rows


def _ready_for_mail(plug: Plug, claimed: Claimed) -> Machine:
    """A claimed box whose owner named a server that answers at once, and lifted the limits on mail."""
    machine = plug(claimed.disk, forgets=True, extra=scripted.options())
    machine.plug_in().until_up(BOOT_S)
    machine.shell.wait(BOOT_S)
    machine.shell.ask(_WISH.format(wishes=scripted.WISHES))
    until_good(machine)
    return machine


def _in_flight(machine: Machine, cuts: Cuts, moment: str, number: int) -> list[str]:
    """Hands mails in as a mail server does, while the plug is pulled: each again until the house says that it has it."""
    anna = resident_of(machine)
    subjects = [f"Mail {number}-{each}" for each in range(MAILS)]
    mails = [letter(subject, f"What is {subject}?") for subject in subjects]
    failed: list[str] = []

    def hand_in() -> None:
        for mail in mails:
            try:
                anna.write_until_taken(mail, 2 * BOOT_S)
            except AssertionError as refused:
                failed.append(str(refused))

    sending = threading.Thread(target=hand_in)
    sending.start()
    cuts.pause(1, 25)
    cuts.cut(machine, moment)
    sending.join()
    assert not failed, failed
    return subjects


def _while_it_learns(machine: Machine, cuts: Cuts, number: int) -> None:
    anna = resident_of(machine)
    name = f"learnt-{number}.txt"
    text = "\n\n".join(
        f"Paragraph {each} of the house's book {number} tells of room {each}." for each in range(400)
    )
    taught = threading.Event()

    def teach() -> None:
        try:
            anna.teach(name, text)
        except (httpx.HTTPError, AssertionError):
            return  # the power went; the owner saw that it was not kept
        taught.set()

    teaching = threading.Thread(target=teach)
    teaching.start()
    cuts.pause(0.5, 15)
    was_taught = taught.is_set()
    cuts.cut(machine, "a document being learnt")
    teaching.join()
    documents = resident_of(machine).documents()
    assert DOCUMENT in documents
    if was_taught:
        assert name in documents, "the house had said that it has the document"


def _each_once(machine: Machine, subjects: list[str]) -> None:
    """Every mail has exactly one answer, also a while later."""
    anna = resident_of(machine)
    for subject in subjects:
        anna.until_answered(subject, 600)
    time.sleep(30)
    count = Counter(each.subject for each in anna.letters())
    assert {subject: count[f"Re: {subject}"] for subject in subjects} == dict.fromkeys(subjects, 1)
