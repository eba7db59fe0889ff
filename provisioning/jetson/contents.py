"""Which files the bundle lays over the device's system: some of the box's own, and those that differ there.

Owns: the list.
Does not know: what stands in the files.
"""

from __future__ import annotations

from pathlib import Path

from agent.errors import SettingsError

# Of rootfs/: the house itself. What looks after disks, slots, network, firewall and screen of a box stays out.
_OF_THE_BOX = (
    "etc/supervisor/**/*",
    "usr/lib/systemd/system/nisse.service",
    "usr/lib/sysusers.d/nisse.conf",
    "usr/lib/tmpfiles.d/nisse.conf",
)
_OVERLAY = Path(__file__).parent / "overlay"


def files(checkout: Path) -> dict[str, Path]:
    """Path on the device, without the leading slash -> the file that goes there.

    Raises:
        SettingsError: A part of the box is not where it was.
    """
    root = checkout / "rootfs"
    found: dict[str, Path] = {}
    for pattern in _OF_THE_BOX:
        matches = [path for path in sorted(root.glob(pattern)) if path.is_file()]
        if not matches:
            raise SettingsError(
                f"rootfs/ has no {pattern}.", hint="Mend provisioning/jetson/contents.py, which names it."
            )
        found |= {str(path.relative_to(root)): path for path in matches}
    own = (path for path in sorted(_OVERLAY.rglob("*")) if path.is_file())
    return found | {str(path.relative_to(_OVERLAY)): path for path in own}
