"""The claim code where people find it, and the way to the box: on the boot partition, as long as nobody owns the box.

Owns: the file SETUP-CODE.txt, and the code for somebody who lost the password.
Does not know: how a code is made (`agent.claim`) or shown on the screen (`console`).
"""

from __future__ import annotations

import fcntl

from agent import claim, durable, plain_file
from provisioning.box.places import PORTAL, Places, hand_to
from provisioning.firstboot import identity, keys
from provisioning.network import profiles

FILE_NAME = "SETUP-CODE.txt"
_WORDS = """Open {address} in a browser, in the same network as the box, and type this code:

    {code}

Without a cable, and with no Wi-Fi told before, a box that has a radio opens a Wi-Fi of its own after a minute:

    {ssid}
    password  {password}

Join it, then open http://{own} and tell the box your own Wi-Fi.
"""
LOST_FILES = ("RESET-PASSWORD", "RESET-PASSWORD.txt")
LOST_NAME = "lost-password-code"  # in NISSE_HOME; the portal asks for it, and takes it away


def make(places: Places) -> None:
    """Makes the code, and lets the portal have it. Where another thing than a file bears its name, the house counts as owned: who laid it
    there is not to win a house that can be claimed."""
    try:
        claim.code(places.home)
    except plain_file.NotPlainError:
        durable.write(places.home / claim.FILE_NAME, "")
    hand_to(places.home / claim.FILE_NAME, PORTAL)


def show_on_boot_partition(places: Places, address: str) -> None:
    """Writes the code beside the presets; once the box is owned, leaves nothing of it there."""
    with (places.run / f".{FILE_NAME}.lock").open("a") as lock:
        # Two who write at once would leave the code where a file once lay.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _write(places, address)


def _write(places: Places, address: str) -> None:
    file, code = places.esp / FILE_NAME, current(places)
    text = _WORDS.format(
        address=address,
        code=code,
        ssid=identity.hotspot_name(places),
        password=keys.hotspot_password(places),
        own=profiles.ADDRESS,
    ).replace("\n", "\r\n")
    if code and file.exists() and file.read_bytes() == text.encode():
        return
    durable.shred(file)
    if code:
        durable.write(file, text)


def current(places: Places) -> str:
    """What somebody before the box has to type: the claim code, or the one for a lost password; empty if nothing is asked."""
    for name in (claim.FILE_NAME, LOST_NAME):
        try:
            found = claim.read(places.home / name)
        except (OSError, UnicodeDecodeError):
            found = ""
        if found:
            return found
    return ""


def take_lost_password(places: Places) -> None:
    """Somebody who can write onto the boot partition stands before the box, and may set a new password with a code that it shows."""
    asked = [places.esp / name for name in LOST_FILES if (places.esp / name).is_file()]
    if not asked:
        return
    if not claim.code(places.home):  # an unowned box has no password that could be lost
        durable.write(places.home / LOST_NAME, claim.made() + "\n")
        hand_to(places.home / LOST_NAME, PORTAL)
    for file in asked:
        durable.remove(file)
