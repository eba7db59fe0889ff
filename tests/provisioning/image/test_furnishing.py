"""What is laid over Debian's tree, and what is taken out of it."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
from pathlib import Path

import pytest

from provisioning.image import environment, furnishing, rootfs
from provisioning.image.job import Job
from provisioning.updates import first_root


@pytest.fixture
def checkout(job: Job) -> Path:
    subprocess.run(["git", "init", "-q", job.checkout], check=True)
    (job.checkout / ".gitignore").write_text("/build/\n*.secret\n")
    for name in (
        "rootfs/etc/nisse/one.conf",
        "rootfs/usr/lib/nisse/run",
        "rootfs/etc/my.secret",
        "elsewhere",
    ):
        (job.checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (job.checkout / name).write_text(name)
        (job.checkout / name).chmod(0o600)
    (job.checkout / "rootfs/usr/lib/nisse/run").chmod(0o700)
    (job.checkout / "rootfs/etc/link").symlink_to("nisse/one.conf")
    (job.checkout / "rootfs/etc/masked.service").symlink_to("/dev/null")
    (job.tree / "etc").mkdir(parents=True)
    return job.checkout


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_overlay_has_plain_modes_whatever_the_checkouts_are(job: Job, checkout: Path) -> None:
    old = os.umask(0o077)
    try:
        furnishing.lay_over(job)
    finally:
        os.umask(old)
    assert mode(job.tree / "etc/nisse/one.conf") == 0o644
    assert mode(job.tree / "usr/lib/nisse/run") == 0o755
    assert mode(job.tree / "usr/lib/nisse") == 0o755
    assert (job.tree / "etc/link").readlink() == Path("nisse/one.conf")
    assert (job.tree / "etc/masked.service").readlink() == Path("/dev/null")
    assert (job.tree / "etc/machine-id").read_bytes() == b""
    assert (job.tree / "efi").is_dir()


def test_what_git_ignores_does_not_travel(job: Job, checkout: Path) -> None:
    furnishing.lay_over(job)
    assert not (job.tree / "etc/my.secret").exists()
    assert not (job.tree / "elsewhere").exists()
    assert "elsewhere" in environment.own_files(checkout)


def test_no_source_of_packages_and_no_option_of_the_builder_stays(job: Job) -> None:
    apt = job.tree / "etc/apt"
    for name in (
        "sources.list",
        "sources.list.d/x.sources",
        "apt.conf.d/99mmdebstrap",
        "apt.conf.d/01autoremove",
    ):
        (apt / name).parent.mkdir(parents=True, exist_ok=True)
        (apt / name).write_text("http://mirror.example")
    (job.tree / "var/lib/apt/lists/partial").mkdir(parents=True)
    rootfs.tidy(job.tree)
    left = [str(path.relative_to(apt)) for path in apt.rglob("*") if path.is_file()]
    assert left == ["apt.conf.d/01autoremove"]
    assert not list((job.tree / "var/lib/apt/lists").iterdir())


def test_everything_has_the_images_date_links_too(job: Job) -> None:
    (job.tree / "etc").mkdir(parents=True)
    (job.tree / "etc/file").write_text("x")
    (job.tree / "etc/link").symlink_to("nowhere")
    furnishing.finish(job)
    for name in ("etc/file", "etc/link", "etc", ""):
        assert (job.tree / name).lstat().st_mtime == job.epoch


def test_whom_to_believe_about_models_travels_in_the_image(
    job: Job, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(furnishing, "certificate", lambda _job: checkout / "elsewhere")
    for name in ("vmlinuz-6.12", "initrd.img-6.12"):
        (job.tree / "boot").mkdir(exist_ok=True)
        (job.tree / "boot" / name).touch()
    for name in first_root.FILES:
        (tmp_path / name).write_text(name)
    furnishing._name(dataclasses.replace(job, updates=tmp_path))
    for name in first_root.FILES:
        assert (job.tree / "usr/share/nisse/updates" / name).read_text() == name
        assert mode(job.tree / "usr/share/nisse/updates" / name) == 0o644
