"""Blobs: nothing stands there that was not read back and found right."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import pytest

from agent.errors import ModelError
from agent.models.blobs import Blobs
from agent.models.catalogue import File
from agent.models.shelf import Shelf
from tests.models.test_sets import model

DATA = b"weights" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    found = Blobs(tmp_path)
    found.incoming.mkdir(parents=True)
    found.part(SHA256).write_bytes(DATA)
    found.journal(SHA256).write_text("")
    return found


def test_what_is_right_is_promoted_read_only_and_leaves_nothing_behind(blobs: Blobs) -> None:
    assert blobs.arriving() == [SHA256]
    blobs.promote(SHA256)
    assert blobs.path(SHA256).read_bytes() == DATA
    assert blobs.path(SHA256).stat().st_mode & 0o777 == 0o444
    assert blobs.holds(SHA256, len(DATA))
    assert blobs.sound(SHA256)
    assert (blobs.all(), blobs.arriving(), list(blobs.incoming.iterdir())) == ([SHA256], [], [])


def test_promoting_what_is_a_blob_already_leaves_nothing_behind(blobs: Blobs) -> None:
    blobs.promote(SHA256)
    os.link(blobs.path(SHA256), blobs.part(SHA256))
    blobs.promote(SHA256)
    assert (blobs.all(), blobs.arriving()) == ([SHA256], [])


def test_one_wrong_byte_is_never_promoted_and_the_part_is_left_for_mending(blobs: Blobs) -> None:
    blobs.part(SHA256).write_bytes(DATA[:-1] + b"!")
    with pytest.raises(ModelError):
        blobs.promote(SHA256)
    assert blobs.all() == []
    assert blobs.part(SHA256).exists()


def test_only_whoever_updates_writes_where_the_blobs_lie(blobs: Blobs) -> None:
    before = os.umask(0o007)  # as the box's processes have it
    try:
        blobs.promote(SHA256)
    finally:
        os.umask(before)
    assert blobs.folder.stat().st_mode & 0o777 == 0o750
    assert blobs.folder.parent.stat().st_mode & 0o777 == 0o750


def test_what_the_check_refuses_is_not_promoted(blobs: Blobs) -> None:
    def refuse(_part: Path) -> None:
        raise ModelError("It looks odd.")

    with pytest.raises(ModelError, match="odd"):
        blobs.promote(SHA256, check=refuse)
    assert blobs.all() == []


def test_the_shelf_gets_a_second_name_of_the_same_file(blobs: Blobs, tmp_path: Path) -> None:
    blobs.promote(SHA256)
    file = File(name="model.gguf", size=len(DATA), sha256=SHA256, sources=())
    shelf, tiny = Shelf(tmp_path), dataclasses.replace(model("tiny"), files=(file,))
    assert not shelf.installed(tiny)
    for _ in range(2):
        blobs.shelve(tiny, shelf)
        assert shelf.installed(tiny)
        assert shelf.path(tiny).samefile(blobs.path(SHA256))
        assert blobs.names_of(SHA256) == 2
    shelf.remove(tiny)
    assert blobs.names_of(SHA256) == 1


def test_what_is_not_here_is_not_shelved(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not here"):
        Blobs(tmp_path).shelve(model("tiny"), Shelf(tmp_path))


def test_a_blob_that_changed_on_the_disk_is_noticed(blobs: Blobs) -> None:
    blobs.promote(SHA256)
    path = blobs.path(SHA256)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(b"W")
    assert not blobs.holds(SHA256, len(DATA))
    assert not blobs.recognise(SHA256, len(DATA))


def test_a_blob_that_was_only_copied_is_read_once_and_counts_again(blobs: Blobs) -> None:
    blobs.promote(SHA256)
    os.utime(blobs.path(SHA256))
    assert not blobs.holds(SHA256, len(DATA))
    assert blobs.recognise(SHA256, len(DATA))
    assert blobs.holds(SHA256, len(DATA))


def test_bits_that_flip_without_a_trace_are_found_by_reading(blobs: Blobs) -> None:
    blobs.promote(SHA256)
    path = blobs.path(SHA256)
    before = path.stat().st_mtime_ns
    path.chmod(0o600)
    path.write_bytes(DATA[:-1] + b"!")
    os.utime(path, ns=(before, before))
    assert blobs.holds(SHA256, len(DATA))
    assert not blobs.sound(SHA256)


def test_a_damaged_blob_is_not_given_its_place_on_the_shelf_again(blobs: Blobs, tmp_path: Path) -> None:
    blobs.promote(SHA256)
    file = File(name="model.gguf", size=len(DATA), sha256=SHA256, sources=())
    shelf, tiny = Shelf(tmp_path), dataclasses.replace(model("tiny"), files=(file,))
    blobs.shelve(tiny, shelf)
    path = shelf.path(tiny)
    path.chmod(0o600)
    with path.open("r+b") as opened:
        opened.write(b"W")
    assert not shelf.installed(tiny)
    with pytest.raises(ModelError, match="not here"):
        blobs.shelve(tiny, shelf)
    assert not shelf.installed(tiny)


def test_removing_a_blob_leaves_what_the_shelf_names(blobs: Blobs, tmp_path: Path) -> None:
    blobs.promote(SHA256)
    os.link(blobs.path(SHA256), tmp_path / "model.gguf")
    blobs.remove(SHA256)
    blobs.remove(SHA256)
    assert blobs.all() == []
    assert (tmp_path / "model.gguf").read_bytes() == DATA


@pytest.mark.parametrize("name", ["../../etc/passwd", "AB" * 32, "", "ab", "ab" * 32 + "\n"])
def test_a_name_that_is_no_sha256_is_no_file(blobs: Blobs, name: str) -> None:
    with pytest.raises(ModelError):
        blobs.path(name)
