"""The order in which units start: none waits for itself."""

from __future__ import annotations

import configparser

import pytest

from tests.source_tree import CHECKOUT

UNITS = CHECKOUT / "rootfs/usr/lib/systemd/system"
# What systemd adds by itself to a unit of this kind, unless it says DefaultDependencies=no (systemd.path(5) and its like).
EARLY = {".path": "paths.target", ".socket": "sockets.target", ".timer": "timers.target"}
LATE = "basic.target"  # after which every service starts by default


def _section(name: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys are as they are written
    parser.read(UNITS / name)
    return parser["Unit"] if "Unit" in parser else parser["DEFAULT"]


def _is_late(name: str) -> bool:
    return (UNITS / name).exists() and _section(name).get("DefaultDependencies", "yes") != "no"


@pytest.mark.parametrize("name", sorted(path.name for path in UNITS.iterdir() if path.suffix in EARLY))
def test_what_all_services_wait_for_waits_for_none_of_them(name: str) -> None:
    section = _section(name)
    if section.get("DefaultDependencies") == "no":
        return
    awaited = section.get("After", "").split()
    late = [other for other in awaited if other.endswith(".service") and _is_late(other)]
    assert not late, f"{name} stands before {LATE} by default, and so before {late}"
