"""Updates of Nisse itself: a box takes a signed version, survives a power cut in its trial, answers mail with it and goes back at its
owner's word; one that breaks down and one that never gets well are put back by themselves, and the house goes on.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import httpx
import pytest

from tests.image import programs, scripted
from tests.image.conftest import BOOT_S, Claimed, Plug, resident_of, until_good
from tests.image.machine import Machine
from tests.image.medium import Medium
from tests.image.programs import Stick
from tests.image.report import Report
from tests.image.resident import letter

pytestmark = [pytest.mark.image_full, pytest.mark.timeout(2 * 3600)]

TRIAL_S = 900.0  # of an emulated box: twice its longest limit, and starting the house anew
_WISH = """
setpriv --reuid nisse-portal --regid nisse-portal --init-groups /opt/nisse/venv/bin/python -I - <<'PYTHON'
from pathlib import Path
from agent import settings
settings.save(Path("/data/nisse"), {wishes})
PYTHON
"""


def version(machine: Machine) -> str:
    """Which version answers at the portal; empty: none."""
    try:
        return str(httpx.get(f"{machine.url}/healthz", timeout=10, trust_env=False).json().get("version"))
    except (httpx.HTTPError, ValueError):
        return ""


def until_version(machine: Machine, wanted: str, seconds: float = BOOT_S) -> None:
    """Waits until a version answers."""
    machine.until(lambda: version(machine) == wanted, seconds, f"version {wanted}")


def until_some_version(machine: Machine) -> str:
    """The version that answers; after a change of settings the portal is away for a while."""
    machine.until(lambda: version(machine), BOOT_S, "the portal")
    return version(machine)


def answers_mail(machine: Machine, subject: str) -> None:
    """A mail is answered exactly once."""
    anna = resident_of(machine)
    anna.write_until_taken(letter(subject, f"What is {subject}?"), BOOT_S)
    anna.until_answered(subject, 600)
    assert sum(each.subject == f"Re: {subject}" for each in anna.letters()) == 1


def test_a_box_takes_a_version_through_a_power_cut_and_goes_back(
    claimed: Claimed, plug: Plug, stage: Path, image: Path, report: Report
) -> None:
    stick = Stick(stage / "good", image.parent / "root", {"99.1": programs.nothing})
    machine = plug(claimed.disk, forgets=True, extra=scripted.options(), further_disk=stick.file)
    stick.trust(Medium(machine.disk_file))
    machine.plug_in().until_up(BOOT_S)
    machine.shell.wait(BOOT_S)
    stick.plug_in(machine)
    wishes = {**scripted.WISHES, "updates.source": f"file://{programs.REPOSITORY}", "updates.policy": "ask"}
    machine.shell.ask(_WISH.format(wishes=wishes))
    until_good(machine)
    base = until_some_version(machine)
    assert stick.install(machine, "99.1", "nisse-portal")["error"]["code"] == "forbidden"

    anna = resident_of(machine)
    machine.until(lambda: "99.1" in anna.page("/updates"), BOOT_S, "the offer on the page Updates")
    anna.says("/updates/program/install", {"version": "99.1"}, page="/updates")
    until_version(machine, "99.1", TRIAL_S)
    assert programs.state(machine)["candidate"], "it is still on trial"
    machine.cut_power(random.Random(7))
    machine.plug_in().until_up(BOOT_S)
    last, seconds = programs.until_ended(machine, "99.1", TRIAL_S)
    report.detail("program_kept_after_power_cut_s", round(seconds))
    assert last["result"] == "committed", last
    assert version(machine) == "99.1"
    assert (
        machine.shell.ask("ls /opt/nisse/venv/lib/python3*/site-packages | grep '^nisse-'")
        == f"nisse-{base}.dist-info"
    )
    assert len(machine.boots) == 1
    answers_mail(machine, "With the new one")

    resident_of(machine).says("/updates/program/back", {}, page="/updates")
    until_version(machine, base)
    answers_mail(machine, "With the old one")
    assert programs.state(machine)["last"]["result"] == "went_back"
    assert len(machine.boots) == 1, "the box itself was never started anew"


def test_bad_versions_are_put_back_by_themselves(
    plug: Plug, stage: Path, image: Path, report: Report
) -> None:
    bad = {"99.2": programs.crashes, "99.3": programs.is_never_ready}
    stick = Stick(stage / "bad", image.parent / "root", bad)
    machine = plug(further_disk=stick.file)
    stick.trust(Medium(machine.disk_file))
    machine.plug_in().until_up(BOOT_S)
    machine.shell.wait(BOOT_S)
    until_good(machine, 600)
    base = until_some_version(machine)
    for number, reasons in (("99.2", {"crashed", "does_not_start"}), ("99.3", {"not_well"})):
        assert stick.install(machine, number) == {"ok": True}
        last, seconds = programs.until_ended(machine, number, TRIAL_S)
        began = time.monotonic()
        until_version(machine, base)
        report.detail(
            f"program_{last['reason']}",
            {"ended_after_s": round(seconds), "old_one_answers_after_s": round(time.monotonic() - began)},
        )
        assert last["result"] == "rolled_back", last
        assert last["reason"] in reasons, last
        assert base in last["sentence"]
        again = stick.install(machine, number)
        assert again["error"]["reason"] == "known_bad", again
    assert machine.shell.ask("ls /data/programs") == "state.json"
    assert len(machine.boots) == 1, "the box itself was never started anew"
