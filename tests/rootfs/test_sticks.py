"""What the box does with a stick that somebody plugs in."""

from __future__ import annotations

import re
from pathlib import Path

from provisioning.image import esp
from provisioning.updates.sideload import STICKS
from tests.source_tree import CHECKOUT

RULES = CHECKOUT / "rootfs/usr/lib/udev/rules.d/80-nisse-stick.rules"
_TOKEN = re.compile(r'([A-Z]+(?:\{\w+\})?)(==|!=|\+=|=)"([^"]*)"')


def rule() -> dict[str, tuple[str, str]]:
    (line,) = [line for line in RULES.read_text().splitlines() if line and not line.startswith("#")]
    parts = line.split(", ")
    found = [_TOKEN.fullmatch(part) for part in parts]
    assert all(found), parts
    return {token[1]: (token[2], token[3]) for token in found if token}


def test_a_stick_is_mounted_to_read_from_only() -> None:
    how, command = rule()["RUN{program}"]
    assert how == "+="
    (options,) = re.findall(r"--options=(\S+)", command)
    assert set(options.split(",")) == {"ro", "nosuid", "nodev", "noexec"}
    assert "--no-block" in command, "udev waits for no mount"


def test_only_sticks_are_and_not_the_boxs_own_boot_partition() -> None:
    told = rule()
    assert told["SUBSYSTEMS"] == ("==", "usb")
    assert told["ENV{ID_FS_TYPE}"] == ("==", "vfat|exfat")
    assert told["ENV{ID_FS_LABEL}"] == ("!=", esp._LABEL)


def test_the_house_looks_where_systemd_mounts_them() -> None:
    assert Path("/run/media") in STICKS  # systemd-mount(1): without a place it is /run/media/system/LABEL
