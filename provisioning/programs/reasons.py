"""Why a program was put back or not taken, once root had it: a name, and one plain sentence for the owner.

Owns: the names and sentences of what happens on this side.
Does not know: why an offer is refused before (`provisioning/updates/programs`).
"""

from __future__ import annotations

SENTENCES = {
    "does_not_start": "The new version of Nisse did not start, so the box went back to {to}.",
    "not_well": "The new version of Nisse did not work well in time, so the box went back to {to}.",
    "crashed": "The new version of Nisse broke down again and again, so the box went back to {to}.",
    "watchdog": "The new version of Nisse hung, so the box went back to {to}.",
    "damaged": "The file of the new version of Nisse was damaged, so the box went back to {to}.",
    "started_too_often": "The box was switched off or started anew while it tried the new version of Nisse, so it went back to {to}.",
    "overtaken": "An update of the system brought a version of Nisse that is as new, so the box runs {to}.",
    "wrong_hash": "The file of the new version of Nisse was not the one that was signed, so the box stays with {to}.",
    "no_room": "There was not enough room for the new version of Nisse, so the box stays with {to}.",
    "asked": "The box went back to Nisse {to}, as its owner wished.",
    "committed": "The box runs Nisse {to} now.",
}
# What says nothing against the program itself: it may be tried again.
FORGIVEN = frozenset({"damaged", "started_too_often", "wrong_hash", "no_room", "overtaken"})


def sentence(reason: str, to: str) -> str:
    """For the owner.

    Args:
        reason: One of SENTENCES.
        to: The version that runs now.
    """
    return SENTENCES[reason].format(to=to)
