"""Whether a version of Nisse suits this box. Pure; the updates side and root judge by the same rules.

Owns: these rules and the sentences for what they forbid.
Does not know: signatures (`metadata`), time and roll-out (`trust`), nor how a version did in its trial.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from provisioning.updates.programs.record import Program
from provisioning.updates.refusals import SENTENCES
from provisioning.updates.trust import version_number

# Where the sentence about a model of the same reason would speak of a model.
_OTHERWISE = {
    "yanked": "The publisher has taken this version of Nisse back.",
    "known_bad": "This version of Nisse was tried here before and did not do well.",
    "not_yet": "This version of Nisse is not offered yet.",
    "no_longer": "This version of Nisse is no longer offered.",
    "other_boxes_first": "Other boxes try this version of Nisse first; the turn of this one comes later.",
    "one_day": "This version of Nisse is new; it waits for a day, in case something is wrong with it.",
    "no_space": "There is not enough room on the box for this version of Nisse.",
    "declined": "You did not want this version of Nisse.",
    "went_back": "You went back to the version of Nisse before.",
    "damaged": "The file of this version of Nisse is damaged.",
}


@dataclass(frozen=True, kw_only=True)
class Here:
    """What a version of Nisse meets on this box."""

    architecture: str  # amd64 or arm64
    python: str  # such as 3.13
    base: str  # the version in the read-only root, which also is the system's
    running: str  # the version that runs
    floor: str = ""  # the highest version that was ever kept here; empty: none
    refused: Collection[str] = ()  # sha256 of those that did not do well


def unfit(program: Program, here: Here) -> str:
    """Why a believed program is none for this box, whatever the time: one of SENTENCES; empty: it is one.

    The base is the last resort, so it must be able to read what the program writes. What runs is never older than the base.
    """
    number = version_number
    rules = (
        ("yanked", bool(program.yanked)),
        ("other_machine", program.architecture != here.architecture),
        ("other_python", program.python != here.python),
        ("old_system", number(program.needs_system) > number(here.base)),
        ("old_program", number(program.version) <= number(here.running)),
        ("below_floor", number(program.version) < number(here.floor)),
        ("too_far", number(program.reads) > number(here.running)),
        ("no_way_back", number(program.readable_by) > number(here.base)),
        ("known_bad", program.sha256 in here.refused),
    )
    return next((reason for reason, holds in rules if holds), "")


def sentence(reason: str) -> str:
    """A refusal's sentence where it speaks of a version of Nisse; empty where the reason is."""
    return (
        _OTHERWISE.get(reason) or SENTENCES.get(reason, "This version of Nisse was not taken.")
        if reason
        else ""
    )
