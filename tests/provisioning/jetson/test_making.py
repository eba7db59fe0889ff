"""The bundle as it is put together: what is in it, and that each file can be checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import NotFoundError, SettingsError
from provisioning.image.step import Command, Work
from provisioning.jetson import contents, packages
from provisioning.jetson.__main__ import main
from provisioning.jetson.making import Bundle, steps
from tests.source_tree import CHECKOUT

LOCKS = CHECKOUT / "provisioning" / "lock"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A checkout with the real locks and units, in which nothing was fetched yet."""
    for name in ("rootfs", "LICENSE"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    return Bundle(
        checkout=tmp_path,
        board="jetson",
        version="9.8.7",
        epoch=1_700_000_000,
        python="python3",
        run_lock=(LOCKS / "run.txt").read_text(encoding="utf-8"),
        build_lock=(LOCKS / "build.txt").read_text(encoding="utf-8"),
        own_files=("agent/__init__.py",),
    )


def works(bundle: Bundle, step: str) -> list[Callable[[], None]]:
    found = next(each for each in steps(bundle) if each.name == step)
    return [action.does for action in found.actions if isinstance(action, Work)]


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_every_file_of_the_bundle_stands_in_its_list_with_its_hash(bundle: Bundle) -> None:
    put(bundle.engines / "llama_cpp_python-0.3.36-py3-none-linux_aarch64.whl", b"engine")
    put(bundle.fetched / "flask-3-py3-none-any.whl", b"flask")
    put(bundle.folder / "nisse-9.8.7-py3-none-any.whl", b"the house")
    for name, text in packages.lists(bundle.run_lock, bundle.build_lock).items():
        put(bundle.fetched / name, text.encode())
    for work in works(bundle, "layout"):
        work()
    lines = (bundle.folder / "MANIFEST.sha256").read_text().splitlines()
    listed = {name: sum_ for sum_, name in (line.split("  ", 1) for line in lines)}
    there = {str(path.relative_to(bundle.folder)) for path in bundle.folder.rglob("*") if path.is_file()}
    assert set(listed) == there - {"MANIFEST.sha256"}
    assert listed["packages/flask-3-py3-none-any.whl"] == hashlib.sha256(b"flask").hexdigest()
    assert {"install.sh", "VERSION", "LICENSE", "rootfs/usr/lib/systemd/system/nisse.service"} <= there
    assert (bundle.folder / "install.sh").stat().st_mode & 0o100


def test_without_the_engine_the_bundle_says_how_it_is_built(bundle: Bundle) -> None:
    with pytest.raises(NotFoundError, match="--until engine"):
        works(bundle, "layout")[0]()


def test_the_house_is_laid_out_without_the_boxs_disks_and_network() -> None:
    names = set(contents.files(CHECKOUT))
    assert {
        "etc/supervisor/supervisord.conf",
        "etc/supervisor/conf.d/portal.conf",
        "etc/systemd/system/nisse.service.d/jetson.conf",
        "usr/lib/sysusers.d/nisse.conf",
    } <= names
    for foreign in ("nisse-helper", "nisse-network", "nftables", "fstab", "NetworkManager", "hostname"):
        assert not [name for name in names if foreign in name], foreign


def test_the_unit_that_differs_on_a_jetson_stands_in_for_the_boxs() -> None:
    unit = contents.files(CHECKOUT)["usr/lib/systemd/system/nisse-firstboot.service"].read_text()
    assert "provisioning.firstboot start" in unit
    assert "provisioning.firstboot box" not in unit


def test_a_part_of_the_box_that_moved_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "rootfs").mkdir()
    with pytest.raises(SettingsError, match="supervisor"):
        contents.files(tmp_path)


def test_each_python_has_a_list_and_the_engine_is_in_none_of_them(bundle: Bundle) -> None:
    lists = packages.lists(bundle.run_lock, bundle.build_lock)
    for python in packages.PYTHONS:
        lines = lists[packages.list_name(python)].splitlines()
        assert [line for line in lines if line.startswith("flask==")]
        assert not [line for line in lines if line.startswith("llama-cpp-python")]
        assert all("--hash=sha256:" in line for line in lines)
    assert lists[packages.GPU_LIST].startswith("llama-cpp-python==")
    assert "scikit-build-core==" in lists[packages.BUILD_LIST]


def test_a_package_that_differs_by_python_is_the_one_for_that_python(bundle: Bundle) -> None:
    lists = packages.lists(bundle.run_lock, bundle.build_lock)
    versions = {
        python: [
            line.split()[0] for line in lists[packages.list_name(python)].splitlines() if "numpy" in line
        ]
        for python in packages.PYTHONS
    }
    assert all(len(found) == 1 for found in versions.values())
    assert versions["3.11"] != versions["3.13"]


def test_no_wheel_is_taken_that_needs_a_newer_c_library_than_jetpack_6_has() -> None:
    newest = next(tag for tag in packages.platforms() if "_2_" in tag)
    assert newest == "manylinux_2_35_aarch64"
    command = packages.fetching("3.11", "python3", "list.txt", "to")
    assert "--platform=manylinux_2_36_aarch64" not in command
    assert "--require-hashes" in command


def test_two_bundles_of_the_same_moment_have_the_same_name_and_packing(bundle: Bundle) -> None:
    packing = steps(bundle)[-1]
    again = steps(replace(bundle))[-1]
    assert packing.key == again.key
    command = next(action for action in packing.actions if isinstance(action, Command))
    assert "--sort=name" in command.words
    assert "--mtime=@1700000000" in command.words


def test_a_board_that_takes_an_image_has_no_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--board", "pc"]) == 1
    assert "make image BOARD=pc" in capsys.readouterr().err


def test_the_plan_is_printed_and_nothing_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--plan"]) == 0
    said = capsys.readouterr().out
    for step in ("packages:", "nisse:", "layout:", "pack:"):
        assert step in said
