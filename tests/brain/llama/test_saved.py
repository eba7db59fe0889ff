"""Conversations kept on the disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from agent.brain.llama.saved import Saved
from agent.brain.llama.sequences import Tokens
from tests.live.running import until


def _open(folder: Path, made_by: str = "this build", most: int = 10_000, a_day: int = 100_000) -> Saved:
    return Saved(folder, made_by=made_by, most=most, most_a_day=a_day)


def _tokens(count: int, first: int = 0) -> Tokens:
    return np.arange(first, first + count, dtype=np.int32)


def _keep(saved: Saved, tokens: Tokens, state: bytes) -> None:
    assert saved.keep(tokens, bytearray(state))
    until(lambda: not saved.info()["pending"], 10, "a written state")


def test_what_was_kept_is_found_after_a_restart(tmp_path: Path) -> None:
    first = _open(tmp_path)
    _keep(first, _tokens(100), b"computed")
    first.close()
    again = _open(tmp_path)
    kept, length = again.best(_tokens(120))
    assert length == 100
    assert kept
    assert again.read(kept) == bytearray(b"computed")
    again.close()


def test_the_file_with_the_longest_common_beginning_is_found(tmp_path: Path) -> None:
    saved = _open(tmp_path)
    _keep(saved, _tokens(50), b"short")
    _keep(saved, np.concatenate([_tokens(60), _tokens(10, 500)]), b"long")
    kept, length = saved.best(_tokens(100))
    assert length == 60
    assert kept
    assert saved.read(kept) == bytearray(b"long")
    assert saved.best(_tokens(5, 900)) == (None, 0)
    saved.close()


def test_a_torn_file_is_ignored_and_goes(tmp_path: Path) -> None:
    saved = _open(tmp_path)
    _keep(saved, _tokens(10), b"x" * 1000)
    saved.close()
    path = next(tmp_path.iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[:500])
    assert _open(tmp_path).best(_tokens(10)) == (None, 0)
    assert not list(tmp_path.iterdir())
    path.write_bytes(whole[:-1] + b"y")  # as long as it should be
    torn = _open(tmp_path)
    kept, _ = torn.best(_tokens(10))
    assert kept
    assert torn.read(kept) is None
    assert not list(tmp_path.iterdir())


def test_what_another_build_made_is_thrown_away(tmp_path: Path) -> None:
    saved = _open(tmp_path)
    _keep(saved, _tokens(10), b"state")
    saved.close()
    assert _open(tmp_path, made_by="another build").best(_tokens(10)) == (None, 0)
    assert not list(tmp_path.iterdir())


def test_what_was_not_finished_is_swept_up_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "half.new").write_bytes(b"half")
    os.utime(tmp_path / "half.new", (0, 0))
    (tmp_path / "growing.new").write_bytes(b"another process writes it just now")
    (tmp_path / "empty.state").write_bytes(b"")
    (tmp_path / "letter.txt").write_text("Dear Anna")
    (tmp_path / "folder.state").mkdir()
    _open(tmp_path).close()
    assert {path.name for path in tmp_path.iterdir()} == {"growing.new", "letter.txt", "folder.state"}


def test_of_files_with_the_same_beginning_the_smallest_is_read(tmp_path: Path) -> None:
    saved = _open(tmp_path)
    _keep(saved, np.concatenate([_tokens(20), _tokens(50, 500)]), b"x" * 500)
    _keep(saved, np.concatenate([_tokens(20), _tokens(10, 700)]), b"y" * 100)
    kept, length = saved.best(_tokens(20))
    assert length == 20
    assert kept
    assert saved.read(kept) == bytearray(b"y" * 100)
    saved.close()


def test_the_oldest_makes_room_and_an_earlier_state_its_later_one(tmp_path: Path) -> None:
    saved = _open(tmp_path, most=2_500)
    _keep(saved, _tokens(10, 100), b"a" * 1000)
    time.sleep(0.01)
    _keep(saved, _tokens(10, 200), b"b" * 1000)
    _keep(saved, _tokens(20, 200), b"c" * 1000)  # the same conversation, longer
    assert saved.info()["conversations"] == 2
    _keep(saved, _tokens(10, 300), b"d" * 1000)
    assert saved.best(_tokens(10, 100)) == (None, 0)
    assert saved.best(_tokens(20, 200))[1] == 20
    assert saved.info()["bytes"] <= 2_500
    saved.close()


def test_what_is_too_large_or_too_much_for_a_day_is_refused(tmp_path: Path) -> None:
    saved = _open(tmp_path, most=2_000, a_day=2_500)
    assert not saved.keep(_tokens(10), bytearray(3000))
    _keep(saved, _tokens(10), b"x" * 1500)
    assert not saved.keep(_tokens(10, 50), bytearray(1500))
    saved.close()


def test_a_disk_that_does_not_take_it_costs_nothing_but_the_state(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    saved = _open(tmp_path / "file")
    _keep(saved, _tokens(10), b"state")
    assert saved.best(_tokens(10)) == (None, 0)
    assert not saved.ready()  # it rests a while before it tries again
    saved.close()
