"""What the board's initrd holds and does: it finds the medium and mounts the slot, and leaves the rest to the system in it.

Owns: the hooks for mmdebstrap that say so, before the kernel's package builds the initrd.
Does not know: the rest of Debian's tree (`rootfs`).
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from provisioning.image.job import Job

# One for any machine, not for the builder's.
_CONFIGURATION = r"""mkdir -p "$1"/etc/initramfs-tools/conf.d && printf 'MODULES={}\nCOMPRESS=zstd\nRESUME=none\n' >"$1"/etc/initramfs-tools/conf.d/nisse"""
# Drivers of some kinds only, there to be loaded when their device is found; and only those devices are gone through that the system
# itself goes through: terminals, blocks of memory and buses are asked about nothing. The slot is mounted as soon as it is there, and not
# when every other disk and stick has answered too; what reads it is loaded meanwhile.
_HOOK = r"""#!/bin/sh
[ "$1" = prereqs ] && exit 0
. /usr/share/initramfs-tools/hook-functions
auto_add_modules {kinds}
# Debian's own scripts are changed only where they say what they said when this was written.
changed() {{
    grep -q -e "$2" "$DESTDIR/scripts/$1" || {{ echo "nisse: initramfs-tools' $1 says nowhere: $2" >&2; exit 1; }}
    sed -i -e "$3" "$DESTDIR/scripts/$1"
}}
mkdir -p "$DESTDIR/etc/modprobe.d" && echo "blacklist psmouse" >"$DESTDIR/etc/modprobe.d/nisse.conf"
cat >"$DESTDIR/until-the-slot" <<'END'
case "$ROOT" in
PARTUUID=*) udevadm wait --timeout=30 "/dev/disk/by-partuuid/${{ROOT#PARTUUID=}}" && return 0 ;;
PARTLABEL=*) udevadm wait --timeout=30 "/dev/disk/by-partlabel/${{ROOT#PARTLABEL=}}" && return 0 ;;
esac
udevadm settle || true
END
changed init-top/udev "--type=subsystems" "/--type=subsystems/d"
changed init-top/udev "--type=devices" "s/--type=devices/& {passed_over}/; /--type=devices/i modprobe -q ext4 &"
changed init-top/udev "^udevadm settle" "s|^udevadm settle.*|. /until-the-slot|"
changed local "wait_for_udev 10" "0,/wait_for_udev 10/s/wait_for_udev 10/: it is there/"
"""
_COLDPLUG = (
    Path(__file__).parents[2] / "rootfs/usr/lib/systemd/system/systemd-udev-trigger.service.d/nisse.conf"
)


def hooks(job: Job) -> tuple[str, ...]:
    """mmdebstrap's options for it."""
    kinds, modules = job.board.initrd_kinds, job.board.initrd_modules
    found = [_CONFIGURATION.format("list" if kinds else "most")]
    if kinds:
        script = _HOOK.format(kinds=" ".join(kinds), passed_over=" ".join(passed_over()))
        folder = '"$1"/usr/share/initramfs-tools/hooks'
        found.append(
            f"mkdir -p {folder} && printf %s {shlex.quote(script)} >{folder}/nisse && chmod 0755 {folder}/nisse"
        )
    if modules:
        lines = "\\n".join(modules)
        # Not in /etc: initramfs-tools comes later, and dpkg would ask whose file it is to keep.
        folder = '"$1"/usr/share/initramfs-tools/modules.d'
        found.append(f"mkdir -p {folder} && printf '{lines}\\n' >{folder}/nisse")
    return tuple(f"--essential-hook={hook}" for hook in found)


def passed_over() -> list[str]:
    """The kinds of devices that udev is asked nothing about when the system starts, as udevadm's words."""
    return re.findall(r"--subsystem-nomatch=[a-z_-]+", _COLDPLUG.read_text(encoding="utf-8"))
