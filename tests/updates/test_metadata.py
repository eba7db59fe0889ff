"""The signed list on the disk: power cuts, torn files, several sources, and what is remembered."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from agent import durable
from agent.errors import StorageError
from provisioning.updates import first_root, seen
from provisioning.updates.metadata import Metadata
from provisioning.updates.refusals import RefusedError
from provisioning.updates.seen import Seen
from tests.updates.hostile import ADDRESS, Stage
from tests.updates.repository import NOW, RepositorySimulator, Served

DAY = timedelta(days=1)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def test_what_was_believed_is_known_again_without_network(stage: Stage) -> None:
    believed = stage.believe()
    stage.server.files.clear()
    known = stage.box("box").known()
    assert known
    assert known.releases == believed.releases
    assert known.targets == believed.targets
    assert known.source == ""


def test_a_box_that_never_asked_knows_nothing(stage: Stage) -> None:
    assert stage.box("fresh").known() is None


def test_what_is_known_of_a_list_that_has_ended_says_when_it_did(stage: Stage) -> None:
    stage.believe()
    stage.clock += 100 * DAY
    known = stage.metadata.known()
    assert known
    assert known.ends == NOW + 2 * DAY
    assert not known.moment(stage.clock).current


def test_a_list_that_did_not_change_is_not_written_again(stage: Stage) -> None:
    stage.believe()
    before = {path: path.stat().st_mtime_ns for path in _files(stage.folder / "box")}
    stage.believe()
    assert {path: path.stat().st_mtime_ns for path in _files(stage.folder / "box")} == before


def test_only_the_newest_list_is_kept(stage: Stage) -> None:
    for _ in range(3):
        stage.server.publish()
        stage.believe()
    assert sum(path.name.isdecimal() for path in (stage.folder / "box").iterdir()) == 1


def test_records_are_fetched_once_and_forgotten_with_their_release(stage: Stage) -> None:
    stage.believe()
    record = next(path for path in stage.server.files if path.endswith("release.json"))
    del stage.server.files[record]
    assert [release.seq for release in stage.believe().releases] == [1]
    for path in list(stage.server.models.targets):
        del stage.server.models.targets[path]
    stage.server.publish()
    assert stage.believe().releases == ()
    assert not list((stage.folder / "box" / "records").iterdir())


def test_the_second_source_is_asked_where_the_first_lies(stage: Stage) -> None:
    class Both(Served):
        def download_bytes(self, url: str, max_length: int) -> bytes:
            if url.startswith("https://liar.example/"):
                return b"<html></html>"
            return super().download_bytes(url, max_length)

    box = Metadata(
        stage.folder / "two",
        stage.root,
        lambda: ["https://liar.example", ADDRESS],
        now=lambda: stage.clock,
        fetcher=lambda: Both(stage.server.files),
    )
    assert box.refresh().source == ADDRESS


def test_of_two_failures_the_lie_is_told_and_not_the_silence(stage: Stage) -> None:
    class Both(Served):
        def download_bytes(self, url: str, max_length: int) -> bytes:
            if url.startswith("https://liar.example/"):
                return b"<html></html>"
            return super().download_bytes(url, max_length)

    box = Metadata(
        stage.folder / "two",
        stage.root,
        lambda: [ADDRESS, "https://liar.example"],
        now=lambda: stage.clock,
        fetcher=lambda: Both({}),
    )
    with pytest.raises(RefusedError) as refused:
        box.refresh()
    assert refused.value.reason == "malformed"


def test_without_a_source_nobody_is_believed(stage: Stage) -> None:
    box = Metadata(stage.folder / "none", stage.root, list, now=lambda: stage.clock)
    with pytest.raises(RefusedError) as refused:
        box.refresh()
    assert refused.value.reason == "unreachable"


def test_two_who_ask_at_once_both_believe(stage: Stage) -> None:
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(stage.box("box").refresh().releases)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1, 1]


@pytest.mark.parametrize("damage", ["truncate", "empty", "flip", "noise", "gone"])
def test_damage_to_any_file_neither_stops_the_box_nor_leads_it_back(stage: Stage, damage: str) -> None:
    old = stage.server.files["metadata/timestamp.json"]
    stage.server.add_model(2)
    stage.server.publish()
    stage.believe()
    new = stage.server.files["metadata/timestamp.json"]
    chance = random.Random(5)
    box = stage.folder / "box"
    lists = ("timestamp.json", "snapshot.json", "targets.json", "models.json", "root_history/1.root.json")
    records = [str(path.relative_to(box)) for path in (box / "records").iterdir()]
    for name in ("seen.json", *records, *(f"current/{name}" for name in lists)):
        _damage(box / name, damage, chance)
        if name != "seen.json":  # the list itself remembers, too
            stage.server.files["metadata/timestamp.json"] = old
            assert stage.outcome() == "rollback"
        stage.server.files["metadata/timestamp.json"] = new
        stage.metadata.known()
        assert stage.outcome() == "accepted"


@pytest.mark.parametrize("begin", range(1, 12))
def test_a_disk_that_fills_up_at_any_write_harms_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, begin: int
) -> None:
    stage.believe()
    stage.server.add_model(2)
    stage.server.publish()
    writes = 0

    def refuse(*_: object, **__: object) -> None:
        nonlocal writes
        writes += 1
        if writes >= begin:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        for name in ("write", "replace"):
            _guard(full, durable if name == "write" else os, name, refuse)
        with contextlib.suppress(StorageError):
            stage.believe()
    assert stage.outcome() == "accepted"
    assert [release.seq for release in stage.believe().releases] == [2, 1]


@pytest.mark.parametrize("target", ["", "nowhere", "../..", "/etc"])
def test_a_damaged_pointer_is_mended(stage: Stage, target: str) -> None:
    stage.believe()
    link = stage.folder / "box" / "current"
    link.unlink()
    if target:
        link.symlink_to(target)
    known = stage.metadata.known()
    assert known
    assert known.releases
    stage.server.publish()
    assert stage.outcome() == "accepted"
    assert link.readlink().name.isdecimal()


def test_what_the_image_knew_survives_a_reset(stage: Stage, tmp_path: Path) -> None:
    old = dict(stage.server.files)
    stage.server.publish()
    stage.believe()
    house = tmp_path / "house"
    durable.write(house / "seen.json", (stage.folder / "box" / "seen.json").read_bytes())
    box = Metadata(
        tmp_path / "reset",
        stage.root,
        lambda: [ADDRESS],
        now=lambda: stage.clock,
        fetcher=lambda: Served(old),
        factory=first_root.factory("", house),
    )
    with pytest.raises(RefusedError) as refused:
        box.refresh()
    assert refused.value.reason == "rollback"
    assert first_root.factory("/another/root.json", house) == Seen()


def test_owners_hear_of_two_weeks_without_news(stage: Stage) -> None:
    stage.server.files.clear()
    with pytest.raises(RefusedError):
        stage.believe()
    assert stage.metadata.warning() == ""
    stage.clock += 15 * DAY
    assert "15 days" in stage.metadata.warning()


def test_news_ends_the_warning(stage: Stage) -> None:
    stage.believe()
    stage.later(days=20)
    assert "20 days" in stage.metadata.warning()
    stage.server.snapshot.expires = stage.server.timestamp.expires = stage.clock + DAY
    stage.server.publish()
    stage.believe()
    assert stage.metadata.warning() == ""


def test_a_file_of_the_list_has_an_address_at_every_mirror(stage: Stage) -> None:
    news = stage.believe()
    (file,) = news.releases[0].files
    assert news.url("https://m.example/", file.target) == (
        f"https://m.example/targets/models/1/{file.sha256}.model.gguf"
    )
    with pytest.raises(RefusedError):
        news.url("https://m.example", "models/1/other.gguf")


def test_without_a_root_nobody_is_believed(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        first_root.read("", tmp_path)
    assert refused.value.reason == "no_root"
    (tmp_path / "root.json").write_bytes(b"x" * 100_000)
    with pytest.raises(RefusedError):
        first_root.read("", tmp_path)
    (tmp_path / "root.json").write_bytes(b"{}")
    assert first_root.read("", tmp_path) == first_root.read(str(tmp_path / "root.json")) == b"{}"


def test_a_box_can_come_to_another_repository_whose_versions_begin_anew(stage: Stage) -> None:
    for _ in range(3):
        stage.server.rotate("root")
        stage.server.publish()
    stage.believe()
    stage.server = RepositorySimulator()
    stage.server.add_model(4)
    stage.server.publish()
    assert stage.outcome() == "threshold"
    stage.root = stage.server.files["metadata/1.root.json"]
    stage.metadata = stage.box("box")
    assert stage.outcome() == "accepted"
    assert [release.seq for release in stage.believe().releases] == [4]
    stage.server.rotate("root")
    stage.server.publish()
    assert stage.outcome() == "accepted"


def test_a_newer_image_of_the_same_repository_forgets_nothing(stage: Stage) -> None:
    stage.server.rotate("root")
    stage.server.publish()
    old = dict(stage.server.files)
    stage.server.publish()
    stage.believe()
    stage.root = stage.server.files["metadata/2.root.json"]
    stage.metadata = stage.box("box")
    stage.server.files = old
    assert stage.outcome() == "rollback"


def test_an_image_without_an_update_server_names_none(tmp_path: Path) -> None:
    assert first_root.source(" ", tmp_path) == ""


def test_a_root_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        Metadata(tmp_path / "box", b"{}", lambda: [ADDRESS], fetcher=lambda: Served({})).refresh()
    assert refused.value.reason == "no_root"


def test_a_memory_comes_back_as_it_was() -> None:
    one = Seen(versions={"root": 2}, keys={"models": "a"}, issued=NOW, floors={"chat": 3}, fetched_at=NOW)
    assert seen.from_json(one.to_json()) == one
    assert seen.from_json(None) == Seen()
    assert seen.from_json({"versions": [1], "issued": "yesterday"}) == Seen()


def test_under_other_keys_versions_and_time_are_forgotten_but_never_roots() -> None:
    one = Seen(
        versions={"root": 2, "timestamp": 9},
        keys={"timestamp": "a", "models": "m"},
        issued=NOW,
        floors={"chat": 3},
    )
    left = one.under({"timestamp": "b", "models": "m"})
    assert (left.versions, left.issued, left.floors) == ({"root": 2}, None, {"chat": 3})
    assert one.under({"timestamp": "a", "models": "n"}).floors == {}
    assert one.under(one.keys).versions == one.versions


def _guard(monkeypatch: pytest.MonkeyPatch, module: object, name: str, before: Callable[..., None]) -> None:
    true = getattr(module, name)

    def guarded(*words: object, **more: object) -> object:
        before()
        return true(*words, **more)

    monkeypatch.setattr(module, name, guarded)


def _damage(path: Path, how: str, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    if how == "gone":
        path.unlink()
        return
    if how == "truncate":
        data = data[: len(data) // 2]
    elif how == "empty":
        data.clear()
    elif how == "flip" and data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif how == "noise":
        data = bytearray(chance.randbytes(len(data)))
    path.write_bytes(data)
