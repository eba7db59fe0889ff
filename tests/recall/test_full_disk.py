from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import settings
from agent.errors import StorageError
from agent.recall import service
from agent.recall.service import Room

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("room_without_models")]


@pytest.fixture
def small_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A room on a disk of four megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "nisse-test", disk], check=True)
    monkeypatch.setenv("NISSE_HOME", str(disk))
    room = service.furnish(settings.load())
    try:
        yield room
    finally:
        room.store.close()
        subprocess.run(["umount", disk], check=True)


def test_on_a_full_disk_nothing_is_half_written_and_the_rest_stays_usable(small_room: Room) -> None:
    library = small_room.library
    kept, _ = library.add("kept.txt", "", b"The samovar is in the attic.", audience="house", source={})
    large = "".join(f"Line {number} of a long story about nothing.\n" for number in range(50_000)).encode()
    with pytest.raises(StorageError, match="full") as full:
        library.add("large.txt", "", large, audience="house", source={})
    assert full.value.status == 507
    assert [document.id for document in library.listed("anna")] == [kept.id]
    with small_room.store.reading() as database:
        assert database.conn.execute("SELECT count(*) FROM passages").fetchone()[0] == 1
        database.conn.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    assert small_room.search.find("samovar attic", person="anna", limit=3)
    assert library.add("small.txt", "", b"Still room for this.", audience="house", source={})[1] is False
    small_room.store.check()


def test_a_full_disk_answers_507(small_room: Room) -> None:
    http = service.create_app(settings.load(), small_room).test_client()
    refused = 0
    for number in range(60):
        text = f"Memory {number}. " + "It was a long day with many words. " * 3_000
        body = {"person": "anna", "text": text, "message_id": str(number), "at": 1}
        answer = http.post("/memories", json=body)
        assert answer.status_code in (201, 507)
        refused += answer.status_code == 507
    assert refused
    assert http.get("/info").get_json()["ready"]
