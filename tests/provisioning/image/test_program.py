"""Packing the application of a built image as a program."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.errors import NotFoundError, SettingsError
from provisioning.image import program
from provisioning.image.program import Wish
from provisioning.updates.programs import record
from tests.source_tree import CHECKOUT

needs_squashfs = pytest.mark.skipif(
    not shutil.which("mksquashfs") or not shutil.which("unsquashfs"), reason="squashfs-tools is not installed"
)
INFO = "opt/nisse/venv/lib/python3.13/site-packages/nisse-0.5.1.dist-info"


@pytest.fixture
def wish(tmp_path: Path) -> Wish:
    """A tree as the image builder leaves it."""
    tree = tmp_path / "root"
    packages = (tree / INFO).parent
    for name in ("agent/__main__.py", "provisioning/programs/__init__.py", "nisse-0.5.1.dist-info/METADATA"):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text(f"{name}\n")
    shutil.copy(CHECKOUT / "provisioning/programs/compatible.toml", packages / "provisioning/programs")
    python = tree / "opt/nisse/venv/bin/python"
    python.parent.mkdir()
    python.symlink_to("/usr/bin/python3.13")
    shutil.copytree(CHECKOUT / "rootfs/etc/supervisor", tree / "etc/supervisor")
    return Wish(tree=tree, architecture="amd64", epoch=1_767_225_600, folder=tmp_path / "out")


@needs_squashfs
def test_a_program_holds_what_lies_at_its_place_in_the_image(wish: Wish, tmp_path: Path) -> None:
    made = program.pack(wish)
    assert made.name == "nisse-0.5.1-amd64.raw"
    unpacked = tmp_path / "unpacked"
    subprocess.run(["unsquashfs", "-q", "-d", str(unpacked), str(made)], check=True, capture_output=True)
    assert {path.name for path in unpacked.iterdir()} == {"venv", "supervisor"}
    assert (unpacked / "venv/bin/python").readlink() == Path("/usr/bin/python3.13")
    assert (unpacked / "supervisor/conf.d/portal.conf").is_file()
    assert (unpacked / "supervisor/supervisord.conf").is_file()


@needs_squashfs
def test_the_same_tree_makes_the_same_file(
    wish: Wish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = program.pack(wish).read_bytes()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    second = program.pack(dataclasses.replace(wish, folder=tmp_path / "again")).read_bytes()
    assert first == second


@needs_squashfs
def test_its_record_is_what_the_publisher_reads(wish: Wish) -> None:
    made = program.pack(wish)
    told = json.loads(made.with_suffix(".json").read_text())
    found = record.parse(told | {"sha256": "a" * 64, "size": made.stat().st_size})
    assert (found.version, found.architecture, found.python) == ("0.5.1", "amd64", "3.13")


def test_this_version_says_with_which_it_gets_along(wish: Wish) -> None:
    told = program.record(wish)
    assert record.parse(told | {"sha256": "a" * 64, "size": 1}), "every line is a version"


def test_without_a_built_image_it_says_what_to_do(wish: Wish) -> None:
    shutil.rmtree(wish.tree)
    with pytest.raises(NotFoundError, match="make image"):
        program.pack(wish)


def test_a_tree_that_does_not_say_with_which_versions_it_gets_along_is_not_packed(wish: Wish) -> None:
    (wish.tree / INFO).with_name("provisioning").joinpath("programs/compatible.toml").write_text("reads = 1")
    with pytest.raises(SettingsError, match=r"compatible\.toml"):
        program.pack(wish)


def test_a_tree_with_two_versions_is_not_packed(wish: Wish) -> None:
    (wish.tree / INFO).with_name("nisse-0.5.0.dist-info").mkdir()
    with pytest.raises(NotFoundError):
        program.pack(wish)


def test_where_there_is_no_image_the_command_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert program.main(["--board", "pc", "--tree", str(tmp_path)]) == 1
    assert "make image" in capsys.readouterr().err
