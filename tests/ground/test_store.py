"""The store: all or nothing, also when the disk is full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlite_utils import Database, Migrations

from agent.errors import StorageError
from agent.store import Store

migrations = Migrations("test")


@migrations()
def m0001(db: Database) -> None:
    db.executescript("CREATE TABLE note (text TEXT NOT NULL)")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "test.db", migrations)
    yield store
    store.close()


def notes(store: Store) -> int:
    with store.reading() as db:
        return int(db.conn.execute("SELECT count(*) FROM note").fetchone()[0])


def test_a_block_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(KeyError), store.transaction() as db:
        db.table("note").insert({"text": "one"})
        raise KeyError
    assert notes(store) == 0


def test_a_nested_block_is_part_of_the_outer_one(store: Store) -> None:
    with pytest.raises(KeyError), store.transaction() as db:
        with store.transaction():
            db.table("note").insert({"text": "one"})
        raise KeyError
    assert notes(store) == 0


def test_on_a_full_disk_nothing_is_half_written_and_later_it_goes_on(store: Store) -> None:
    with store.reading() as db:
        pages = db.conn.execute("PRAGMA page_count").fetchone()[0]
        db.conn.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageError, match="disk is full"), store.transaction() as db:
        for _ in range(100):
            db.conn.execute("INSERT INTO note VALUES (?)", ["x" * 4_000])
    assert notes(store) == 0
    with store.transaction() as db:
        db.conn.execute("INSERT INTO note VALUES ('small')")
    assert notes(store) == 1
    store.check()


@pytest.mark.parametrize(("total", "kept"), [(1 << 40, 64_000_000), (100_000_000, 1_000_000)])
def test_the_last_of_the_disk_is_kept_for_making_room(
    store: Store, monkeypatch: pytest.MonkeyPatch, total: int, kept: int
) -> None:
    disk = SimpleNamespace(total=total, free=kept + 10)
    monkeypatch.setattr("agent.free_disk.shutil.disk_usage", lambda _folder: disk)
    store.demand_room(10)
    with pytest.raises(StorageError, match="disk is full"):
        store.demand_room(11)
    with store.transaction() as db:
        db.conn.execute("INSERT INTO note VALUES ('still written')")


def test_what_is_committed_survives_and_migrations_run_once(tmp_path: Path) -> None:
    for expected in (1, 2):
        store = Store(tmp_path / "again.db", migrations)
        with store.transaction() as db:
            db.table("note").insert({"text": "one"})
        assert notes(store) == expected
        store.close()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(StorageError, match=r"bad\.db"):
        Store(tmp_path / "bad.db", migrations)
