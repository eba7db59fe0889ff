"""Opening what others may have laid down."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from agent import plain_file
from agent.plain_file import NotPlainError

pytestmark = pytest.mark.timeout(20)  # a FIFO would be waited for


def lay(path: Path, kind: str) -> None:
    """Makes something that is no file, with a file of somebody's own beside it."""
    if kind == "link":
        path.with_name("other").write_text("theirs")
        path.symlink_to("other")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    else:
        path.mkdir()


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_APPEND])
@pytest.mark.parametrize("kind", ["link", "fifo", "socket", "folder"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, kind: str, flags: int) -> None:
    lay(tmp_path / "it", kind)
    with pytest.raises(NotPlainError, match="no plain file"):
        plain_file.descriptor(tmp_path / "it", flags)


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"12345")
    assert plain_file.read(tmp_path / "it", 5) == b"12345"
    with pytest.raises(NotPlainError, match="larger"):
        plain_file.read(tmp_path / "it", 4)
    with pytest.raises(FileNotFoundError):
        plain_file.read(tmp_path / "nothing", 5)


def test_a_link_is_read_where_that_is_meant_so_and_still_nothing_but_a_file(tmp_path: Path) -> None:
    lay(tmp_path / "it", "link")
    assert plain_file.read(tmp_path / "it", 100, links=True) == b"theirs"
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "to-fifo").symlink_to("fifo")
    with pytest.raises(NotPlainError):
        plain_file.read(tmp_path / "to-fifo", 100, links=True)
