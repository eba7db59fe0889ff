"""Where things lie on the box, all below one root folder, so that a test can have a box of its own.

Owns: the paths, and the users and groups of the box.
Does not know: what is written there.
"""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

ROOT, PORTAL, UPDATES = "root", "nisse-portal", "nisse-updates"
HOUSE = "nisse"  # the group of all the house's processes
# What somebody may write onto the boot partition: ours, and what Raspberry Pi Imager writes.
PRESETS = (
    "nisse.toml",
    "rpi-preseed.toml",
)


@dataclass(frozen=True)
class Places:
    """The box's paths."""

    root: Path = Path("/")

    @property
    def esp(self) -> Path:
        """The boot partition, which people can read and write on any computer."""
        return self.root / "efi"

    @property
    def data(self) -> Path:
        """The partition of all state."""
        return self.root / "data"

    @property
    def home(self) -> Path:
        """NISSE_HOME."""
        return self.data / "nisse"

    @property
    def shared(self) -> Path:
        """The box's own state, which both slots of the system share; for root alone."""
        return self.data / "shared"

    @property
    def programs(self) -> Path:
        """Versions of Nisse newer than the system's own; everybody may read them."""
        return self.data / "programs"

    @property
    def run(self) -> Path:
        """What lasts until the box is switched off."""
        return self.root / "run" / "nisse"

    @property
    def image(self) -> Path:
        """What the image says of itself."""
        return self.root / "etc" / "nisse" / "image.toml"

    @property
    def image_models(self) -> Path:
        """The models that came with the image."""
        return self.root / "usr" / "share" / "nisse" / "models"

    @property
    def rauc_keyring(self) -> Path:
        """Whose signature under a system this box believes."""
        return self.root / "etc" / "rauc" / "keyring.pem"

    @property
    def sticks(self) -> Path:
        """Where systemd mounts the sticks that somebody plugs in, to read from."""
        return self.root / "run" / "media"

    @property
    def connections(self) -> Path:
        """NetworkManager's networks."""
        return self.shared / "connections"

    @property
    def command_line(self) -> dict[str, str]:
        """The kernel's command line; a word without `=` has an empty value."""
        try:
            words = (self.root / "proc" / "cmdline").read_text(encoding="ascii", errors="replace").split()
        except OSError:
            return {}
        return {name: value for name, _, value in (word.partition("=") for word in words)}

    @property
    def boot(self) -> str:
        """This start of the kernel, by the name that it gave itself."""
        try:
            return (self.root / "proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            return ""

    @property
    def has_second_slot(self) -> bool:
        """Whether the medium has room for a second system; known once its partitions were looked at."""
        return (self.run / "disk" / "root_b").is_symlink()

    @property
    def is_recovery(self) -> bool:
        """Whether the loader found no system that comes up well: only the recovery page runs."""
        return self.command_line.get("nisse.mode") == "recovery"

    @property
    def slot(self) -> str:
        """The slot that runs: a or b."""
        return "b" if self.command_line.get("rauc.slot", "A").lower() == "b" else "a"


def hand_to(path: Path | int, user: str, group: str = "") -> None:
    """Gives a file to a user, by its path or its descriptor. Where nobody is root or the user is not there - on a desk, in a test - it stays as it is."""
    if os.geteuid() != 0:
        return
    try:
        owner = pwd.getpwnam(user)
        group_id = grp.getgrnam(group).gr_gid if group else owner.pw_gid
    except KeyError:
        return
    os.chown(path, owner.pw_uid, group_id, follow_symlinks=isinstance(path, int))
