"""After each start: waits until the house is well, then tells RAUC and GRUB that this slot is good; else starts the box again.

Owns: how long is waited, what a slot must show, and what follows.
Does not know: how each question is asked (`health`), nor how GRUB counts (`counters`).

A slot on trial, fresh from an update, must show everything, twice with a minute between. One that was good before must only show its
portal: else three power cuts in the first minutes after a start would send a sound box to its recovery page.
"""

from __future__ import annotations

import logging
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent import logs, settings
from agent.errors import NisseError
from provisioning.slots import health
from provisioning.slots.counters import FOLDER, Counters
from provisioning.slots.health import Finding

_log = logging.getLogger(__name__)

_LONGEST_S = 900.0
_LOOK_EVERY_S = 3.0
_STEADY_S = 60.0
_COMMAND_S = 120.0
_SLOT = re.compile(r"(?:^|\s)rauc\.slot=([AB])(?:\s|$)")
_RECOVERY = re.compile(r"(?:^|\s)nisse\.mode=recovery(?:\s|$)")


@dataclass(frozen=True, kw_only=True)
class Start:
    """What this start of the box is."""

    slot: str  # A or B; empty where no slot was named
    is_recovery: bool


def this_start(command_line: str) -> Start:
    """What the kernel's command line says.

    Args:
        command_line: As /proc/cmdline has it.
    """
    slot = _SLOT.search(command_line)
    return Start(slot=slot[1] if slot else "", is_recovery=bool(_RECOVERY.search(command_line)))


def prove(
    start: Start,
    counters: Counters,
    *,
    look: Callable[[bool], Sequence[Finding]],
    restart: Callable[[], None],
    rest: Callable[[float], None] = time.sleep,
    ticks: Callable[[], float] = time.monotonic,
) -> bool:
    """Waits until the box is well, and says so to GRUB; or starts it again, which GRUB counts.

    Args:
        start: What runs.
        counters: GRUB's.
        look: Asks the questions; all of them, or only those that a slot has to answer which was good before.
        restart: Starts the box again.
        rest: Waits so many seconds.
        ticks: Seconds on a clock that only goes forward.

    Returns:
        Whether it was found well.
    """
    mended = counters.mend(start.slot)
    if mended:
        logs.event(_log, "slot.mended", level=logging.WARNING, words=mended)
    is_trial = not start.is_recovery and counters.values().get("LAST_GOOD") != start.slot
    until = ticks() + _LONGEST_S
    findings: Sequence[Finding] = ()
    while ticks() < until:
        findings = look(is_trial)
        if _all_well(findings) and is_trial:
            rest(_STEADY_S)
            findings = look(is_trial)
        if _all_well(findings):
            _mark(start, counters, findings)
            return True
        rest(_LOOK_EVERY_S)
    logs.event(_log, "slot.unhealthy", level=logging.ERROR, slot=start.slot, why=_words(findings))
    restart()
    return False


def look_at_house(is_trial: bool) -> list[Finding]:
    """The questions that a normal start has to answer."""
    try:
        values = settings.load()
    except NisseError as unreadable:
        return [Finding(about="settings", is_well=False, words=str(unreadable))]
    found = [health.portal(values)]
    if is_trial and found[0].is_well:
        from provisioning.slots import thorough  # noqa: PLC0415 - nobody else loads SQLite and an HTTP client

        found += [thorough.databases(values.home), thorough.brain(values)]
    return found


def look_at_recovery(_is_trial: bool) -> list[Finding]:
    """The question that the recovery page has to answer: is it there?"""
    return [health.recovery_page()]


def mark_for_rauc() -> bool:
    """Lets RAUC note that the slot that runs is good. Returns whether it did."""
    try:
        subprocess.run(
            ["rauc", "status", "mark-good"],  # noqa: S607 - the box's own path
            check=True,
            capture_output=True,
            timeout=_COMMAND_S,
        )
    except (OSError, subprocess.SubprocessError) as failed:
        said = getattr(failed, "stderr", None) or b""
        logs.event(
            _log,
            "slot.rauc_failed",
            level=logging.WARNING,
            why=failed,
            said=said.decode("utf-8", "replace")[-300:],
        )
        return False
    return True


def restart_box() -> None:
    """Starts the box again in order."""
    subprocess.run(["systemctl", "reboot"], check=False, timeout=_COMMAND_S)  # noqa: S607 - the box's own path


def main() -> int:
    """`python -m provisioning.slots`: what nisse-health.service runs. Returns the exit status."""
    logs.configure("health")
    start = this_start(Path("/proc/cmdline").read_text(encoding="utf-8", errors="replace"))
    if not start.slot:
        logs.event(_log, "slot.none", words="this system was not started from a slot")
        return 0
    if not FOLDER.is_dir():
        logs.event(
            _log, "slot.no_counters", level=logging.ERROR, words=f"{FOLDER} is not there; nothing is marked"
        )
        return 0
    look = look_at_recovery if start.is_recovery else look_at_house
    prove(start, Counters(), look=look, restart=restart_box)
    return 0


def _mark(start: Start, counters: Counters, findings: Sequence[Finding]) -> None:
    if start.is_recovery:
        # Whoever switches the box off and on wants the slots tried again; by itself it stays on this page.
        changes = {"A_TRY": "0", "B_TRY": "0", "RECOVERY_TRY": "0"}
    else:
        mark_for_rauc()  # it keeps a record of its own; what GRUB goes by is written here in any case
        changes = {
            f"{start.slot}_OK": "1",
            f"{start.slot}_TRY": "0",
            "LAST_GOOD": start.slot,
            "RECOVERY_TRY": "0",
        }
    now = counters.values()
    if any(now.get(name) != value for name, value in changes.items()):
        counters.change(changes)
    counters.keep_copy()
    logs.event(_log, "slot.good", slot=start.slot, recovery=start.is_recovery, why=_words(findings))


def _all_well(findings: Sequence[Finding]) -> bool:
    return bool(findings) and all(finding.is_well for finding in findings)


def _words(findings: Sequence[Finding]) -> str:
    return "; ".join(f"{finding.about}: {finding.words}" for finding in findings)
