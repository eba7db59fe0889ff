"""What starts a box: GRUB's script and its counters, and RAUC's settings, filled in for a board.

Owns: `grub.cfg.in` and `rauc.conf.in`, and what they become.
Does not know: where the builder puts them, nor what a board is beyond its name and its console.
"""

from __future__ import annotations

from pathlib import Path

from provisioning.slots import counters

_HERE = Path(__file__).parent

# What GRUB's core needs to find the ESP, read both slots, and count. The rest of GRUB is left out.
GRUB_MODULES = (
    "part_gpt", "fat", "ext2", "normal", "configfile", "linux", "boot", "echo", "test", "regexp", "loadenv", "sleep", "reboot",
    "all_video", "probe",
)  # fmt: skip


def grub_configuration(*, console: str) -> str:
    """The script that chooses a slot.

    Args:
        console: The board's serial console as the kernel wants it, such as `ttyS0,115200`; several with spaces between them, of which
            the kernel takes those that there are. What the box says goes there and to the screen.
    """
    return (
        (_HERE / "grub.cfg.in")
        .read_text(encoding="utf-8")
        .replace("@SERIAL@", " console=".join(console.split()))
    )


def grub_environment() -> bytes:
    """The counters of a box that was never started: slot A holds a system, slot B none."""
    return counters.fresh()


def rauc_configuration(*, board: str) -> str:
    """Which update bundles a board takes, and where they go.

    Args:
        board: Its name.
    """
    return (_HERE / "rauc.conf.in").read_text(encoding="utf-8").replace("@BOARD@", board)
