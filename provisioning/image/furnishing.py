"""What makes Debian's tree the box's: our files over it, the models, who the image is, users and units switched on.

Owns: the order in which these are laid over the tree, their owner, modes and times.
Does not know: what the files of `rootfs/` mean.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import tomli_w

from agent.errors import UnavailableError
from agent.models import catalogue
from agent.models.fetch import fetch_named
from provisioning.image import boot, keys
from provisioning.image.environment import own_files
from provisioning.image.job import EMBEDDER, Job
from provisioning.image.rootfs import inside, tidy
from provisioning.image.step import Step, Work
from provisioning.updates import first_root

_MODELS = "usr/share/nisse/models"


def steps(job: Job) -> tuple[Step, ...]:
    """Everything between Debian's tree with the packages in it and a tree that can be packed."""
    return (
        Step(
            name="overlay",
            says="the project's rootfs/ over it, users, units",
            actions=(
                Work("copy rootfs/: owner root, 0644, or 0755 where it can be run", lambda: lay_over(job)),
                Work(
                    "write /etc/nisse/image.toml, RAUC's settings and certificate, whose models",
                    lambda: _name(job),
                ),
                inside(job, "systemd-sysusers"),
                inside(job, "systemctl", "--root=/", "preset-all"),
            ),
        ),
        Step(
            name="models",
            says=f"{', '.join(job.models)} into /{_MODELS}",
            actions=(Work("fetch what is missing, and copy", lambda: _models(job)),),
        ),
    )


def lay_over(job: Job) -> None:
    """Copies `rootfs/`, and gives the tree the places that the box mounts onto."""
    for name in own_files(job.checkout):
        if not name.startswith("rootfs/"):
            continue
        source, target = job.checkout / name, job.tree / name.removeprefix("rootfs/")
        _folder(target.parent, job.tree)
        target.unlink(missing_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
            continue
        shutil.copyfile(source, target)
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
    for name in ("efi", "data"):
        (job.tree / name).mkdir(exist_ok=True)
    (job.tree / "etc/machine-id").write_bytes(b"")  # the first boot draws one; the root stays as it is


def _folder(folder: Path, tree: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists() and tree in each.parents]
    for each in reversed(missing):
        each.mkdir(mode=0o755)
        each.chmod(0o755)


def _name(job: Job) -> None:
    content = {
        "version": job.version,
        "board": job.board.name,
        "architecture": job.board.kind.name,
        "epoch": job.epoch,
        "model": job.model,
        "embedder": EMBEDDER,
    }
    _write(job.tree / "etc/nisse/image.toml", tomli_w.dumps(content).encode())
    _write(job.tree / "etc/rauc/system.conf", boot.rauc_configuration(board=job.board.name).encode())
    _write(job.tree / "etc/rauc/keyring.pem", certificate(job).read_bytes())
    if job.updates:
        for name in first_root.FILES:
            _write(job.tree / str(first_root.HOUSE).lstrip("/") / name, (job.updates / name).read_bytes())
    for name in ("vmlinuz", "initrd.img"):
        _link_newest(job.tree / "boot", name)


def certificate(job: Job) -> Path:
    """Whose updates the box takes: the named one's, or of the key that this machine made for itself."""
    return job.keyring or keys.development(job.checkout / "build" / "keys").certificate


def _link_newest(folder: Path, name: str) -> None:
    found = sorted(each.name for each in folder.glob(f"{name}-*"))
    if len(found) != 1:
        raise UnavailableError(
            f"The tree has {len(found)} files /boot/{name}-*, and it takes exactly one.",
            hint="Name one kernel in the board's packages, and initramfs-tools.",
        )
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(found[0])


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    file.chmod(0o644)


def _models(job: Job) -> None:
    known = catalogue.load()
    kept = job.checkout / "build" / "models"
    for name in job.models:
        model = known.find(name)
        fetch_named(name, kept)
        place = job.tree / _MODELS / name
        place.mkdir(parents=True, exist_ok=True)
        for file in model.files:
            shutil.copyfile(kept / name / file.name, place / file.name)
            os.utime(place / file.name, (job.epoch, job.epoch))
            # As the shelf writes it: the box need not read the file as a whole to believe it.
            record = {"size": file.size, "mtime_ns": job.epoch * 1_000_000_000, "sha256": file.sha256}
            _write(place / f"{file.name}.verified", json.dumps(record).encode())


def finish(job: Job) -> None:
    """The last touch: what only the build needed goes, and everything has the image's date."""
    tidy(job.tree)
    shutil.rmtree(job.tree / "usr/lib/grub" / job.board.kind.grub, ignore_errors=True)
    for folder, folders, files in os.walk(job.tree):
        for name in (*folders, *files):
            _age(Path(folder) / name, job.epoch)
    _age(job.tree, job.epoch)


def _age(path: Path, epoch: int) -> None:
    os.utime(path, (epoch, epoch), follow_symlinks=False)
