"""What the initrd is told, with a shell that does what mmdebstrap and initramfs-tools would."""

from __future__ import annotations

import subprocess
from pathlib import Path

from provisioning.image import initrd
from provisioning.image.job import Job

_FUNCTIONS = ". /usr/share/initramfs-tools/hook-functions"
_UDEV = """udevadm trigger --type=subsystems --action=add
udevadm trigger --type=devices --action=add
udevadm settle || true
"""


def test_drivers_of_a_few_kinds_go_in_and_udev_is_asked_about_devices_alone(job: Job, tmp_path: Path) -> None:
    tree, made = tmp_path / "tree", tmp_path / "made"
    for option in initrd.hooks(job):
        hook = option.removeprefix("--essential-hook=")
        subprocess.run(["sh", "-ec", hook, "hook", str(tree)], check=True)
    (made / "scripts/init-top").mkdir(parents=True)
    script = made / "scripts/init-top/udev"
    script.write_text(_UDEV)
    hook = (tree / "usr/share/initramfs-tools/hooks/nisse").read_text()
    assert _FUNCTIONS in hook
    hook = hook.replace(_FUNCTIONS, f'auto_add_modules() {{ echo "$@" >{made}/kinds; }}')
    subprocess.run(
        ["sh", "-ec", hook, "hook"], check=True, env={"DESTDIR": str(made), "PATH": "/usr/bin:/bin"}
    )
    assert "usb_storage" in (made / "kinds").read_text().split()
    assert (made / "etc/modprobe.d/nisse.conf").read_text() == "blacklist psmouse\n"
    [trigger, settle] = script.read_text().splitlines()
    assert trigger.startswith("udevadm trigger --type=devices ")
    assert "--subsystem-nomatch=tty" in trigger
    assert "--subsystem-nomatch=block" not in trigger
    assert settle == "udevadm settle || true"


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
