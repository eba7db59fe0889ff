"""API keys: made, recognised, revoked; and nothing on the disk from which one could be made."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from agent.brain.keys import Keys
from agent.errors import ConflictError, NotFoundError, RequestError, StorageError


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    made = Keys(tmp_path / "brain.db")
    yield made
    made.close()


def test_a_new_key_is_recognised_and_others_are_not(keys: Keys) -> None:
    key = keys.new("laptop")
    assert key.startswith("nisse-")
    assert len(key) >= len("nisse-") + 43  # 256 bits
    assert keys.new("phone") != key
    assert keys.holder(key) == "laptop"
    for wrong in ("", "nisse-", key[:-1], key + "x", "laptop", "nisse-\udcff"):
        assert keys.holder(wrong) == ""


def test_a_revoked_key_is_refused_and_its_name_is_free_again(keys: Keys) -> None:
    key = keys.new("laptop")
    keys.revoke("laptop")
    assert keys.holder(key) == ""
    with pytest.raises(NotFoundError):
        keys.revoke("laptop")
    assert keys.holder(keys.new("laptop")) == "laptop"
    assert [bool(each.revoked_at) for each in keys.everything()] == [True, False]


def test_keys_last_over_a_restart_and_are_not_on_the_disk(tmp_path: Path) -> None:
    first = Keys(tmp_path / "brain.db")
    key = first.new("laptop")
    first.close()
    again = Keys(tmp_path / "brain.db")
    assert again.holder(key) == "laptop"
    again.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert key.encode() not in kept
    assert key.removeprefix("nisse-").encode() not in kept


def test_when_it_was_last_used_is_written_once_a_minute_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("agent.brain.keys.time.monotonic", lambda: now)
    keys = Keys(tmp_path / "brain.db")
    reader = sqlite3.connect(tmp_path / "brain.db")

    def written() -> float | None:
        return reader.execute("SELECT used_at FROM keys").fetchone()[0]  # type: ignore[no-any-return]

    key = keys.new("laptop")
    now += 59
    keys.holder(key)
    assert written() is None
    now += 2
    keys.holder(key)
    first = written()
    assert first is not None
    keys.holder(key)
    assert written() == first
    shown = keys.everything()[0].used_at
    assert shown is not None
    assert shown > first
    reader.close()
    keys.close()


def test_a_full_disk_keeps_no_key_from_being_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("agent.brain.keys.time.monotonic", lambda: now)
    keys = Keys(tmp_path / "brain.db")
    key = keys.new("laptop")

    def full() -> NoReturn:
        raise StorageError("The disk is full.")

    now += 61
    with monkeypatch.context() as disk:
        disk.setattr(keys._store, "transaction", full)
        assert keys.holder(key) == "laptop"
        assert keys.everything()[0].used_at is None
    used = keys.everything()[0].used_at
    assert used is not None
    keys.close()


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "two\nlines", "<b>", ".", "..", "-x", "_x", "@x"])
def test_a_name_that_will_not_do_is_refused(keys: Keys, name: str) -> None:
    with pytest.raises(RequestError):
        keys.new(name)


def test_two_keys_in_force_have_two_names(keys: Keys) -> None:
    keys.new("laptop")
    with pytest.raises(ConflictError):
        keys.new(" laptop ")


def test_there_is_an_end_to_the_keys(keys: Keys) -> None:
    for number in range(100):
        keys.new(f"key {number}")
    with pytest.raises(RequestError, match="100 keys"):
        keys.new("one more")
    keys.revoke("key 7")
    assert keys.new("one more")
