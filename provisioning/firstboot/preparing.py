"""From a kernel with a read-only root to a box with its boot partition and its state mounted.

Owns: the order. Each part looks at what is there, so that after a power cut at any instant the next start goes on.
Does not know: how a part is done.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from agent import durable
from agent.errors import StorageError
from provisioning.box.places import PRESETS, Places
from provisioning.box.running import Run
from provisioning.firstboot import clock, disk, filesystems, table, wiping
from provisioning.firstboot.disk import Disk

RESET_FILES = ("RESET", "RESET.txt")
_OF_THE_OLD_HOUSE = ("SETUP-CODE.txt", "grub/identity")
# What Debian keeps in /var and should last; the journal is the slot's own: an older system may not read a newer one's.
_SHARED = {"systemd": "var/lib/systemd", "NetworkManager": "var/lib/NetworkManager"}
_OWN = {"journal": "var/log/journal"}
_FOLDERS = "nisse.conf"  # in tmpfiles.d: the house's folders and whose they are

Say = Callable[[str], None]


def prepare(places: Places, run: Run, say: Say, look: Callable[[], Disk] = disk.own) -> None:
    """Does all of it.

    Args:
        places: Where the box's things lie.
        run: Runs a program.
        say: Tells whoever sits before the screen.
        look: Looks at the disk.

    Raises:
        StorageError: The medium is too small or cannot be read; the sentence says what to do.
    """
    found = _looked(look, run)
    links = places.run / "disk"
    disk.link(found, links)
    filesystems.mount_boot(links / "esp", places.esp, run)
    if not table.is_complete(found):
        _make_partitions(found, places, run, say)
        found = _looked(look, run)
        disk.link(found, links)
    if found.partition("data") is None:
        raise StorageError("The partition of the state could not be made.", hint="Try another medium.")
    if wants_reset(places):
        _reset(places, run, say)
    filesystems.mount_data(links / "data", places.data, run)
    filesystems.fit(links / "data", run)
    _bind_all(places, run)
    # systemd makes them too, but later than the steps of the start need them.
    run("systemd-tmpfiles", "--create", _FOLDERS)
    clock.raise_to_floor(places, time.time(), clock.set_system_clock)


def wants_reset(places: Places) -> bool:
    """Whether somebody asks for a factory reset: at the boot menu, or by a file on the boot partition."""
    asked = places.command_line.get("nisse.wipe") == "1"
    return asked or any(order.is_file() for order in _orders(places))


def _orders(places: Places) -> list[Path]:
    """Only files count, as GRUB has it: a folder could not be taken away when all is done, and would be obeyed at each start."""
    return [places.esp / name for name in RESET_FILES]


def _looked(look: Callable[[], Disk], run: Run) -> Disk:
    found = look()
    if all(partition.name for partition in found.partitions):
        return found
    return disk.named(found, run("sfdisk", "--json", f"/dev/{found.device}"))


def _make_partitions(found: Disk, places: Places, run: Run, say: Say) -> None:
    say("Making room for the house on this medium ...")
    folder = places.run / "repart.d"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in table.definitions(found, _types(found, run)).items():
        (folder / name).write_text(content, encoding="ascii")
    if found.partition("data") is None:
        _draw_identity(found, run)
    run("udevadm", "control", "--ping", "--timeout=60")  # who tells what it makes
    run("modprobe", "loop", fine=(0, 1))  # through which it makes the file systems
    command = ("systemd-repart", "--dry-run=no", "--empty=refuse", "--seed=random", "--no-pager")
    run(*command, f"--definitions={folder}", f"/dev/{found.device}", seconds=1800)


def _draw_identity(found: Disk, run: Run) -> None:
    """Tells slot A apart from that of another medium onto which the same image was written: GRUB starts by this identity."""
    first = found.partition("root_a")
    if first is not None:
        command = (
            "sfdisk",
            "--quiet",
            "--no-reread",
            "--no-tell-kernel",
            "--part-uuid",
            f"/dev/{found.device}",
        )
        run(*command, str(first.number), str(uuid.uuid4()))


def _types(found: Disk, run: Run) -> dict[int, str]:
    rows = json.loads(run("sfdisk", "--json", f"/dev/{found.device}"))["partitiontable"]["partitions"]
    by_device = {row["node"].removeprefix("/dev/"): row["type"] for row in rows}
    return {partition.number: by_device[partition.device] for partition in found.partitions}


def _reset(places: Places, run: Run, say: Say) -> None:
    """Wipes first and takes the order away last, so that a power cut repeats it."""
    say("Factory reset: everything that the house knew is being erased. Do not switch it off ...")
    wiping.wipe(places.run / "disk" / "data", run, lambda percent: say(f"Factory reset: {percent} %"))
    for name in (*_OF_THE_OLD_HOUSE, *_presets_that_stayed(places)):
        if (places.esp / name).is_file():
            durable.shred(places.esp / name)
    wiping.blank(places.esp)
    for order in _orders(places):
        if order.is_file():
            durable.remove(order)
    say("Factory reset: done. The box is as new.")


def _presets_that_stayed(places: Places) -> list[str]:
    """Those that cannot be read: the old house left them to be mended, password of the Wi-Fi and all. One that can be read was laid there
    since its last start, for the new house, which takes it and removes it."""
    if not any((places.esp / name).is_file() for name in PRESETS):
        return []
    from provisioning.firstboot import applying  # noqa: PLC0415 - much to load, and hardly ever wanted

    found = {name: applying.look(places, name) for name in PRESETS}
    return [name for name, presets in found.items() if presets and not presets.readable]


def _bind_all(places: Places, run: Run) -> None:
    places.shared.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = places.data / "slots" / places.slot
    for base, folders in ((places.shared, _SHARED), (own, _OWN)):
        for name, place in folders.items():
            filesystems.bind(base / name, places.root / place, run)
