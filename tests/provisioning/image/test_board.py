"""What a board's file may say, and what is said of one that says it wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from agent.errors import NotFoundError, SettingsError
from provisioning.image import board as boards

GOOD: dict[str, Any] = {"title": "A board", "architecture": "arm64"}


@pytest.mark.parametrize("name", boards.names())
def test_every_board_that_there_is_can_be_read(name: str) -> None:
    board = boards.load(name)
    assert board.name == name
    assert board.kind.name == board.architecture


def test_every_board_of_debian_names_one_kernel_and_a_boot_loader() -> None:
    for name in boards.names():
        board = boards.load(name)
        if board.base:
            continue
        assert len([each for each in board.packages if each.startswith("linux-image-")]) == 1, name
        assert f"grub-efi-{board.architecture}-bin" in board.packages, name


def test_a_board_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(NotFoundError, match="arm64, "):
        boards.load("toaster")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"titel": "A board"}, "'titel' is no key"),
        ({"title": 3}, "title must be text"),
        ({"root_mib": "2048"}, "root_mib must be a whole number"),
        ({"root_mib": True}, "root_mib must be a whole number"),
        ({"root_mib": 3}, "root_mib is out of range"),
        ({"packages": "linux-image-amd64"}, "packages must be a list of texts"),
        ({"packages": ["linux-image-amd64", ""]}, "packages must be a list of texts"),
        ({"architecture": "sparc"}, "architecture cannot be 'sparc'"),
        ({"title": ""}, "'title' is missing"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as raised:
        boards.parse("mine", GOOD | wrong)
    assert "boards/mine.toml" in raised.value.message
    assert raised.value.hint


def test_lists_become_tuples_and_what_is_not_said_has_a_default() -> None:
    board = boards.parse("mine", GOOD | {"packages": ["one", "two"]})
    assert board.packages == ("one", "two")
    assert board.backports == ()


def test_what_every_image_has_names_no_mirror() -> None:
    common = boards.common()
    assert common.suite == "trixie"
    assert {"systemd-sysv", "python3", "rauc", "initramfs-tools"} <= set(common.packages)
    assert not [package for package in common.packages if "/" in package or ":" in package]
