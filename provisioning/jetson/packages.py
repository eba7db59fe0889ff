"""The Python packages of the bundle: for each Python that a JetPack system may have, wheels that its C library can load.

Owns: which Pythons, which wheels fit, and the lists by which pip checks them on the device.
Does not know: the installer, nor how the bundle is packed.
"""

from __future__ import annotations

from collections.abc import Iterable

from provisioning.image import pins
from provisioning.image.pins import Pin

MACHINE = "aarch64"
ENGINE = "llama-cpp-python"  # comes as source, and is compiled on the device
# JetPack 6 is Ubuntu 22.04, which has 3.11 beside its 3.10; 24.04 has 3.12, Debian 13 has 3.13.
PYTHONS = ("3.11", "3.12", "3.13")
_NEWEST_GLIBC = 35  # Ubuntu 22.04's
_OLDEST_GLIBC = 17
GPU_LIST = "engine.txt"
BUILD_LIST = "build.txt"


def platforms() -> tuple[str, ...]:
    """Platform tags of wheels that run there, the best first."""
    counted = (f"manylinux_2_{minor}_{MACHINE}" for minor in range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1))
    return (*counted, f"manylinux2014_{MACHINE}")


def list_name(python: str) -> str:
    """The file that lists the house's packages for a Python."""
    return f"house-{python}.txt"


def lists(run_lock: str, build_lock: str) -> dict[str, str]:
    """Name of each list -> its text.

    Args:
        run_lock: The lock file of what the house runs with.
        build_lock: The lock file of what it takes to compile the engine.
    """
    found = {BUILD_LIST: _text(pins.for_target(build_lock, python=PYTHONS[0], machine=MACHINE))}
    for python in PYTHONS:
        all_of_them = pins.for_target(run_lock, python=python, machine=MACHINE)
        found[list_name(python)] = _text(pin for pin in all_of_them if pin.name != ENGINE)
        found[GPU_LIST] = _text(pin for pin in all_of_them if pin.name == ENGINE)
    return found


def fetching(python: str, interpreter: str, listing: str, target: str) -> tuple[str, ...]:
    """The command that fetches a list's packages for a Python; nothing of them is run here.

    Args:
        python: The device's version, such as 3.11.
        interpreter: The builder's own Python, whose pip is used.
        listing: Path of the list.
        target: Folder that takes them.
    """
    return (
        interpreter, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation",
        "--require-hashes", *(f"--platform={tag}" for tag in platforms()), f"--python-version={python}", "--implementation=cp",
        f"--dest={target}", f"--requirement={listing}",
    )  # fmt: skip


def _text(wanted: Iterable[Pin]) -> str:
    return "".join(f"{pin.line}\n" for pin in wanted)
