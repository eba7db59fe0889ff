"""The built image, a box that was claimed from it once, and the report.

Owns: where machines lie, and what several tests start from.
Does not know: what is tested.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.image.machine import GIGABYTE, Hardware, Machine
from tests.image.report import CHECKOUT, Report
from tests.image.resident import CODE, Resident

BOOT_S = 600.0  # emulated, on a busy machine
DOCUMENT = "summer-house.txt"
FACT = (
    "The neighbour at Lake Vattern is called Ingrid Falk. The code of the alarm in the summer house is 4711."
)
Plug = Callable[..., Machine]


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A box after its first evening: claimed, taught one document, switched off in order."""

    disk: Path
    code: str  # the claim code that it showed
    first_s: float  # from the plug to the portal
    said: str  # on its serial port


def image_of(board: str) -> Path:
    """The newest image of a board: the one built for tests, with a small model, else the one to ship.

    Raises:
        AssertionError: There is none.
    """
    for folder in ("test-image", "image"):
        places = (CHECKOUT / "build" / folder / board).glob(f"nisse-{board}-*.img")
        found = sorted(places, key=os.path.getmtime)
        if found:
            return found[-1]
    raise AssertionError(f"there is no image; `make image BOARD={board}` builds one")


@pytest.fixture(scope="session")
def image() -> Path:
    """The image for PCs."""
    return image_of("pc")


@pytest.fixture(scope="session")
def report() -> Report:
    """Where figures go."""
    return Report()


@pytest.fixture(scope="session")
def stage() -> Iterator[Path]:
    """A folder for machines, on a real disk and with a short name. KEEP_MACHINES leaves it there."""
    folder = Path(tempfile.mkdtemp(prefix="nisse-vm-", dir=os.environ.get("MACHINES", "/var/tmp")))
    yield folder
    if not os.environ.get("KEEP_MACHINES"):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def plug(stage: Path, image: Path) -> Iterator[Plug]:
    """Makes boxes, and takes them away after the test."""
    machines: list[Machine] = []

    def make(disk: Path | None = None, *, gigabytes: int = 12, **hardware: object) -> Machine:
        folder = stage / f"m{len(list(stage.iterdir()))}"
        machine = Machine(
            folder,
            disk or image,
            disk_bytes=gigabytes * GIGABYTE,
            hardware=Hardware(**hardware),  # type: ignore[arg-type]
        )
        machines.append(machine)
        return machine

    yield make
    for machine in machines:
        if os.environ.get("KEEP_MACHINES"):
            machine.__exit__()
        else:
            machine.remove()


@pytest.fixture(scope="session")
def claimed(stage: Path, image: Path, report: Report) -> Claimed:
    """A box that was plugged in, claimed over HTTP, taught a document, and switched off. Made once; tests start copies of its disk."""
    machine = Machine(stage / "first", image, disk_bytes=12 * GIGABYTE)
    with machine:
        first_s = machine.plug_in().until_up(BOOT_S)
        report.figure("boot_first_s", first_s)
        code = claim_code(machine)
        with contextlib.closing(Resident(machine.url, machine.door_port)) as resident:
            resident.claim(code)
            resident.teach(DOCUMENT, FACT)
        until_good(machine)
        machine.switch_off()
        said = machine.serial.decode("utf-8", "replace")
    return Claimed(disk=machine.disk_file, code=code, first_s=first_s, said=said)


def claim_code(machine: Machine, seconds: float = 120.0) -> str:
    """The claim code as the box shows it on its serial console."""
    machine.until(lambda: CODE.search(machine.serial.decode("utf-8", "replace")), seconds, "the claim code")
    found = CODE.findall(machine.serial.decode("utf-8", "replace"))
    return str(found[-1])


def until_good(machine: Machine, seconds: float = 300.0, *, may_panic: bool = False) -> None:
    """Waits until the box has marked its slot good; earlier starts may have ended in a panic if that is what is tested."""

    def is_good() -> bool:
        return "slot.good" in machine.shell.run("journalctl -b -u nisse-health -o cat --no-pager").text

    machine.until(is_good, seconds, "the good mark", may_panic=may_panic)


def resident_of(machine: Machine, *, logged_in: bool = True) -> Resident:
    """The owner, before this box."""
    resident = Resident(machine.url, machine.door_port)
    if logged_in:
        resident.logs_in()
    return resident
