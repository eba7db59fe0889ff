"""What the initrd is told, with a shell that does what mmdebstrap and initramfs-tools would."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioning.image import initrd
from provisioning.image.job import Job

_FUNCTIONS = ". /usr/share/initramfs-tools/hook-functions"
_UDEV = """udevadm trigger --type=subsystems --action=add
udevadm trigger --type=devices --action=add
udevadm settle || true
"""
_LOCAL = """	wait_for_udev 10
	wait_for_udev 10
"""


def _hook(job: Job, tree: Path) -> str:
    """The hook of initramfs-tools, written as mmdebstrap would."""
    for option in initrd.hooks(job):
        hook = option.removeprefix("--essential-hook=")
        subprocess.run(["sh", "-ec", hook, "hook", str(tree)], check=True)
    return (tree / "usr/share/initramfs-tools/hooks/nisse").read_text()


def _run(job: Job, tmp_path: Path, udev: str, local: str) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The initrd's tree, and how the hook ended that changed it."""
    made = tmp_path / "made"
    (made / "scripts/init-top").mkdir(parents=True)
    (made / "scripts/init-top/udev").write_text(udev)
    (made / "scripts/local").write_text(local)
    hook = _hook(job, tmp_path / "tree")
    assert _FUNCTIONS in hook
    hook = hook.replace(_FUNCTIONS, f'auto_add_modules() {{ echo "$@" >{made}/kinds; }}')
    environment = {"DESTDIR": str(made), "PATH": "/usr/bin:/bin"}
    return made, subprocess.run(
        ["sh", "-c", hook, "hook"], check=False, env=environment, capture_output=True, text=True
    )


def test_drivers_of_a_few_kinds_go_in_and_udev_is_asked_about_devices_alone(job: Job, tmp_path: Path) -> None:
    made, done = _run(job, tmp_path, _UDEV, _LOCAL)
    assert done.returncode == 0, done.stderr
    assert "usb_storage" in (made / "kinds").read_text().split()
    assert (made / "etc/modprobe.d/nisse.conf").read_text() == "blacklist psmouse\n"
    [load, trigger, wait] = (made / "scripts/init-top/udev").read_text().splitlines()
    assert load == "modprobe -q ext4 &"
    assert trigger.startswith("udevadm trigger --type=devices ")
    assert "--subsystem-nomatch=tty" in trigger
    assert "--subsystem-nomatch=block" not in trigger
    assert wait == ". /until-the-slot"
    assert (made / "scripts/local").read_text() == _LOCAL.replace("wait_for_udev 10", ": it is there", 1)


@pytest.mark.parametrize(
    "gone", ["--type=subsystems", "--type=devices", "udevadm settle", "wait_for_udev 10"]
)
def test_scripts_of_debian_that_say_something_else_fail_the_build(
    job: Job, tmp_path: Path, gone: str
) -> None:
    _made, done = _run(job, tmp_path, _UDEV.replace(gone, "other"), _LOCAL.replace(gone, "other"))
    assert done.returncode == 1
    assert gone in done.stderr


@pytest.mark.parametrize(
    ("root", "is_there", "asked"),
    [
        ("PARTUUID=5c-1", True, ["wait --timeout=30 /dev/disk/by-partuuid/5c-1"]),
        ("PARTUUID=5c-1", False, ["wait --timeout=30 /dev/disk/by-partuuid/5c-1", "settle"]),
        ("PARTLABEL=root_b", True, ["wait --timeout=30 /dev/disk/by-partlabel/root_b"]),
        ("PARTLABEL=root_b", False, ["wait --timeout=30 /dev/disk/by-partlabel/root_b", "settle"]),
        ("/dev/sda2", True, ["settle"]),
    ],
)
def test_the_slot_is_waited_for_and_every_device_only_where_it_does_not_come(
    job: Job, tmp_path: Path, root: str, is_there: bool, asked: list[str]
) -> None:
    words = _hook(job, tmp_path).partition("<<'END'\n")[2].partition("\nEND\n")[0]
    script = (
        f'udevadm() {{ echo "$*"; {"true" if is_there else "[ $1 = settle ]"}; }}\nrun() {{\n{words}\n}}\nrun'
    )
    done = subprocess.run(
        ["sh", "-ec", script], check=True, env={"ROOT": root}, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == asked


def test_what_a_driver_or_a_medium_hangs_on_is_never_passed_over() -> None:
    passed = {word.partition("=")[2] for word in initrd.passed_over()}
    assert len(passed) > 10
    needed = {
        "acpi",
        "amba",
        "block",
        "hid",
        "i2c",
        "input",
        "mmc",
        "net",
        "nvme",
        "of",
        "pci",
        "platform",
        "pnp",
        "rtc",
    }
    assert not passed & (needed | {"scsi", "sdio", "spi", "thunderbolt", "usb", "virtio", "watchdog"})
