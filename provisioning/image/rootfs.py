"""Debian's tree for the board: fetched by mmdebstrap, unpacked, and rid of what only the build needed.

Owns: the commands for that.
Does not know: what Nisse puts in (`environment`, `furnishing`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from provisioning.image import initrd
from provisioning.image.job import Job
from provisioning.image.step import Command, Step, Work

# Documentation and translations; the licences stay.
_LEFT_OUT = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/lintian/*",
    "force-unsafe-io",  # a build that was broken off is made again anyway
    # Device trees of boards that we make no image for: 110 MB with newer kernels. UEFI brings its own.
    "path-exclude=/usr/lib/linux-image-*/*",
    "path-exclude=/usr/lib/modules/*/dtb/*",
    "path-include=/usr/lib/linux-image-*/broadcom/bcm2*",
    "path-include=/usr/lib/modules/*/dtb/broadcom/bcm2*",
    # Debian's own way to a Raspberry Pi's boot partition: it would copy kernel, initrd and trees into the slot once more.
    "path-exclude=/etc/kernel/*/z50-raspi-firmware",
    "path-exclude=/etc/initramfs/post-update.d/z50-raspi-firmware",
)
# raspi-firmware calls that way when it is set up, and does not get along without it.
_FIRMWARE_PACKAGE, _FIRMWARE_WAY = "raspi-firmware", '"$1"/etc/kernel/postinst.d/z50-raspi-firmware'
_FIRMWARE_HOOKS = (
    rf"""--essential-hook=mkdir -p "$1"/etc/kernel/postinst.d && printf '#!/bin/sh\nexit 0\n' >{_FIRMWARE_WAY} && chmod 0755 {_FIRMWARE_WAY}""",
    f"--customize-hook=rm -f {_FIRMWARE_WAY}",
)
# udev's database of keyboards, mice and cameras, which no box needs: to compile it takes a minute where the target is emulated.
_NO_HARDWARE_DATABASE = {"SYSTEMD_HWDB_UPDATE_BYPASS": "1"}
_EMPTIED = (
    "boot/firmware",  # a copy of what lies on the boot partition, made when raspi-firmware is set up
    "var/lib/apt/lists",
    "var/cache/apt",
    "var/cache/debconf",
    "var/log",
    "etc/apt/sources.list.d",
    "etc/apt/preferences.d",
    "dev",
    "run",
    "tmp",
    "var/tmp",
)
_REMOVED = (
    "etc/apt/sources.list",
    # mmdebstrap writes the builder's own options here, such as a proxy.
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "var/cache/ldconfig/aux-cache",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/random-seed",
    "etc/ssl/private/ssl-cert-snakeoil.key",
)


def steps(job: Job) -> tuple[Step, ...]:
    """Fetching the tree, and unpacking it."""
    fetching = Step(
        name="rootfs",
        says=f"Debian {job.common.suite} for {job.board.kind.name}",
        actions=(Command(bootstrap(job), job.steady_variables | _bypass(job)),),
        product=job.tarball,
    )
    unpacking = Step(
        name="unpack",
        says="its tree as a folder",
        actions=(
            Work(f"remove {job.tree} of an earlier build", lambda: empty(job.tree)),
            Command(
                ("tar", "-x", "--numeric-owner", "--xattrs", "-f", str(job.tarball), "-C", str(job.tree))
            ),
        ),
    )
    return fetching, unpacking


def bootstrap(job: Job) -> tuple[str, ...]:
    """mmdebstrap's command line. Without a mirror it chooses one itself, and adds updates and security."""
    packages = sorted({*job.common.packages, *job.board.packages})
    return (
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--format=tar",
        f"--architectures={job.board.kind.name}",
        f"--components={','.join(job.common.components)}",
        f"--include={','.join(packages)}",
        *(f"--dpkgopt={option}" for option in _LEFT_OUT),
        *(f"--aptopt={option}" for option in job.apt_options),
        *_backports(job),
        *initrd.hooks(job),
        *(_FIRMWARE_HOOKS if _FIRMWARE_PACKAGE in packages else ()),
        job.common.suite,
        str(job.tarball),
        *job.mirrors,
    )


def _bypass(job: Job) -> dict[str, str]:
    return {} if job.board.kind.is_this_machine else _NO_HARDWARE_DATABASE


def _backports(job: Job) -> tuple[str, ...]:
    """Hooks that add the suite's backports, from wherever the suite itself comes, for the named packages alone."""
    if not job.board.backports:
        return ()
    suite, apt = job.common.suite, '"$1"/etc/apt'
    source = (
        f"sed -n 's/^\\(deb .*\\) {suite} \\(.*\\)$/\\1 {suite}-backports \\2/p' {apt}/sources.list "
        f">{apt}/sources.list.d/backports.list"
    )
    pins = (
        f"Package: {' '.join(job.board.backports)}\\nPin: release n={suite}-backports\\nPin-Priority: 990\\n"
    )
    pinned = f"mkdir -p {apt}/preferences.d && printf '{pins}' >{apt}/preferences.d/backports"
    return (f"--setup-hook={source}", f"--setup-hook={pinned}")


def inside(job: Job, *words: str) -> Command:
    """A program of the tree's own, run in it: it knows the suite's files better than this machine's would."""
    return Command(
        ("chroot", str(job.tree), *words),
        # Sets are written in the order of their hashes.
        {**job.variables, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONHASHSEED": "0"},
    )


def empty(folder: Path) -> None:
    """Makes the folder, or makes it empty."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def tidy(tree: Path) -> None:
    """Removes what the box does not need: lists and sources of packages, logs, the builder's options."""
    for name in _EMPTIED:
        for each in (tree / name).glob("*"):
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()
    for name in _REMOVED:
        (tree / name).unlink(missing_ok=True)
