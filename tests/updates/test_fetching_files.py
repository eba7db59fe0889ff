"""Fetching the files of a release: cuts, kills, mirrors that fail and mirrors that lie."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from agent.models.sets import ModelSet
from agent.models.shelf import Shelf
from provisioning.updates import fetch, mirrors
from provisioning.updates.pace import Patience
from provisioning.updates.pausing import PausedError
from provisioning.updates.refusals import RefusedError
from provisioning.updates.release import Release
from provisioning.updates.storehouse import Storehouse
from tests.fakes import gguf
from tests.fakes.mirror import Mirror, random_cuts
from tests.source_tree import CHECKOUT
from tests.updates.goods import Repository, bring, storehouse

SIZE = 8_000_000
QUICK = Patience(stall_s=20.0, pause_s=0.0)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def release(repository: Repository, tmp_path: Path) -> Release:
    return repository.release(7, "noise-v1", gguf.write(tmp_path / "model.gguf", size=SIZE))


@pytest.fixture
def mirror(repository: Repository, release: Release) -> Iterator[Mirror]:
    with Mirror(repository.folder) as server:
        yield server


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors.Mirror, "patience", QUICK)


@pytest.fixture
def house(tmp_path: Path, repository: Repository, mirror: Mirror) -> Storehouse:
    return storehouse(tmp_path / "models", repository, mirror.url)


def is_whole(house: Storehouse, release: Release) -> bool:
    """Whether all files are blobs, are what they should be, and lie on the shelf."""
    sound = all(house.blobs.sound(file.sha256) for file in release.files)
    return sound and Shelf(house.blobs.incoming.parent).installed(release.model)


def serve(house: Storehouse, release: Release) -> None:
    """Puts a release in force."""
    seq = house.sets.next_seq()
    house.sets.write(
        ModelSet(seq=seq, origin="signed", chat=release.model, embed=None, made="", why="", releases={"chat": release.seq})
    )  # fmt: skip
    house.sets.switch(seq, house.sets.active().seq if house.sets.active() else None)  # type: ignore[union-attr]


def test_a_release_comes_to_the_shelf_and_is_fetched_once(
    house: Storehouse, release: Release, mirror: Mirror
) -> None:
    assert house.bytes_needed(release) == release.model.size
    assert bring(house, release) < release.model.size + 2_000
    assert is_whole(house, release)
    assert house.bytes_needed(release) == 0
    asked = len(mirror.asked)
    assert bring(house, release) == 0
    assert len(mirror.asked) == asked


def test_progress_grows_to_the_whole_and_is_never_more(house: Storehouse, release: Release) -> None:
    told: list[tuple[int, int]] = []
    house.reserve(release)
    house.download(release, lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (release.model.size, release.model.size)
    assert {total for _, total in told} == {release.model.size}


def test_lines_that_break_cost_nothing_twice(house: Storehouse, release: Release, mirror: Mirror) -> None:
    mirror.cuts = [10_000, *random_cuts(20, SIZE)]
    bring(house, release)
    assert is_whole(house, release)
    assert len(mirror.asked) > 20
    assert mirror.sent < 1.05 * release.model.size


def test_a_server_that_knows_no_ranges_will_do(house: Storehouse, release: Release, mirror: Mirror) -> None:
    mirror.ranges, mirror.cuts = False, [10_000, 3_000_000, 5_000_000]
    bring(house, release)
    assert is_whole(house, release)


def test_a_file_that_the_server_says_has_changed_is_sent_as_a_whole_and_will_do(
    house: Storehouse, release: Release, mirror: Mirror
) -> None:
    def changing(_path: str, offset: int, data: bytes) -> bytes:
        mirror.tag = "another" if offset > 2_000_000 else mirror.tag
        return data

    mirror.cuts, mirror.spoil = [10_000, 3_000_000], changing
    bring(house, release)
    assert is_whole(house, release)
    assert mirror.sent > release.model.size + 2_000_000  # it was: the server did not send the rest alone


def test_a_folder_will_do(tmp_path: Path, repository: Repository, release: Release) -> None:
    house = storehouse(tmp_path / "models", repository, repository.folder.as_uri())
    bring(house, release)
    assert is_whole(house, release)


def test_what_the_present_model_has_in_common_is_copied(
    house: Storehouse, repository: Repository, release: Release, mirror: Mirror, tmp_path: Path
) -> None:
    bring(house, release)
    serve(house, release)
    first = tmp_path / "model.gguf"
    next_one = repository.release(
        8, "noise-v2", gguf.changed(first, tmp_path / "new.gguf", template="longer " * 500)
    )
    received = bring(house, next_one)
    assert is_whole(house, next_one)
    assert received < 3 * (1 << 20)
    assert hashlib.sha256((tmp_path / "new.gguf").read_bytes()).hexdigest() == next_one.files[0].sha256


def test_a_present_file_that_changed_since_does_no_harm(
    house: Storehouse, repository: Repository, release: Release, tmp_path: Path
) -> None:
    bring(house, release)
    serve(house, release)
    next_one = repository.release(
        8, "noise-v2", gguf.changed(tmp_path / "model.gguf", tmp_path / "n.gguf", template="x" * 99)
    )
    house.reserve(next_one)
    house.download(next_one)
    house.discard(next_one)
    path = house.blobs.path(release.files[0].sha256)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(bytes(SIZE))
    os.utime(
        path,
        ns=(
            path.stat().st_atime_ns,
            Shelf(house.blobs.incoming.parent).path(release.model).stat().st_mtime_ns,
        ),
    )
    bring(house, next_one)
    assert is_whole(house, next_one)


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ({"status": 404}, "not_there"),
        ({"status": 403}, "not_there"),
        ({"status": 503}, "unreachable"),
        ({"headers": {"Content-Range": "bytes 5-9/10"}}, "wrong_length"),
        ({"headers": {"Content-Range": f"bytes 0-99999999/{SIZE}"}}, "wrong_length"),
        ({"headers": {"Content-Range": "all of it"}}, "malformed"),
        ({"headers": {"Content-Encoding": "gzip"}}, "malformed"),
        ({"ranges": False, "headers": {"Content-Length": "17"}}, "wrong_length"),
        ({"ranges": False, "headers": {"Content-Length": ""}, "endless": True}, "endless_data"),
        ({"spoil": lambda _path, _offset, data: b"!" + data[1:]}, "wrong_hash"),
    ],
)
def test_a_mirror_that_lies_is_named_for_it_and_left_for_an_honest_one(
    tmp_path: Path, mirror: Mirror, lie: dict[str, object], reason: str
) -> None:
    repository, release = _again(tmp_path)
    for name, value in lie.items():
        setattr(mirror, name, value)
    alone = storehouse(tmp_path / "alone", repository, mirror.url)
    alone.reserve(release)
    with pytest.raises(RefusedError) as refused:
        alone.download(release)
    assert refused.value.reason == reason
    assert alone.blobs.all() == []
    with Mirror(repository.folder) as honest:
        both = storehouse(tmp_path / "both", repository, mirror.url, honest.url)
        bring(both, release)
        assert is_whole(both, release)


def test_one_spoilt_chunk_costs_a_chunk_and_not_the_mirror(
    house: Storehouse, release: Release, mirror: Mirror
) -> None:
    spoilt: list[int] = []

    def once(path: str, offset: int, data: bytes) -> bytes:
        if path.endswith(".gguf") and offset > 4_000_000 and not spoilt:
            spoilt.append(offset)
            return bytes(len(data))
        return data

    mirror.spoil = once
    bring(house, release)
    assert spoilt
    assert is_whole(house, release)
    assert mirror.sent < release.model.size + 5 * (1 << 20)


def test_a_redirect_is_followed_and_a_circle_is_not(
    house: Storehouse, repository: Repository, release: Release, mirror: Mirror
) -> None:
    house.reserve(release)
    mirror.moved_to = mirror.url
    with pytest.raises(RefusedError) as refused:
        house.download(release)
    assert refused.value.reason == "malformed"
    with Mirror(repository.folder) as elsewhere:
        mirror.moved_to = elsewhere.url
        bring(house, release)
    assert is_whole(house, release)


@pytest.fixture
def protected(repository: Repository, release: Release, tmp_path: Path) -> Iterator[Mirror]:
    """A mirror with a certificate of an authority that stands in authority.pem."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Mirror(repository.folder, context) as server:
        yield server


def test_a_protected_line_will_do_and_leads_to_no_open_one(
    protected: Mirror,
    repository: Repository,
    release: Release,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    house = storehouse(tmp_path / "models", repository, protected.url)
    house.reserve(release)
    with Mirror(repository.folder) as unprotected:
        protected.moved_to = unprotected.url
        with pytest.raises(RefusedError) as refused:
            house.download(release)
        assert refused.value.reason == "malformed"
    protected.moved_to = ""
    bring(house, release)
    assert is_whole(house, release)


def test_a_server_that_nobody_vouches_for_is_not_believed(
    protected: Mirror, repository: Repository, release: Release, tmp_path: Path
) -> None:
    house = storehouse(tmp_path / "models", repository, protected.url)
    house.reserve(release)
    with pytest.raises(RefusedError) as refused:
        house.download(release)
    assert refused.value.reason == "unreachable"
    assert protected.sent == 0


def test_nobody_there_is_unreachable(tmp_path: Path, repository: Repository, release: Release) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        house = storehouse(tmp_path / "models", repository, f"http://127.0.0.1:{closed.getsockname()[1]}")
    house.reserve(release)
    with pytest.raises(RefusedError) as refused:
        house.download(release)
    assert refused.value.reason == "unreachable"


@pytest.mark.parametrize("reason", ["unreachable", "too_slow"])
def test_a_mirror_that_keeps_us_waiting_is_left(
    house: Storehouse, release: Release, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    house.reserve(release)
    if reason == "unreachable":
        monkeypatch.setattr(mirrors.Mirror, "patience", Patience(stall_s=0.5, pause_s=0.0, tries=1))
        mirror.silent.set()
    else:
        monkeypatch.setattr(mirrors.Mirror, "patience", Patience(stall_s=60.0, window_s=1.0, pause_s=0.0))
        mirror.crumbs_s = 0.05
    with pytest.raises(RefusedError) as refused:
        house.download(release)
    assert refused.value.reason == reason


def test_a_pause_comes_at_once_and_what_came_is_kept(
    house: Storehouse, release: Release, mirror: Mirror
) -> None:
    house.reserve(release)
    reached = threading.Event()

    def progress(done: int, _total: int) -> None:
        if done > SIZE // 2:
            reached.set()

    with pytest.raises(PausedError, match="kept free"):
        house.download(release, progress, lambda: "The line is kept free." if reached.is_set() else "")
    left = house.bytes_needed(release)
    assert 0 < left < 0.75 * SIZE
    sent = mirror.sent
    bring(house, release)
    assert is_whole(house, release)
    assert mirror.sent - sent <= left + 2_000


def test_a_small_file_is_never_larger_than_it_says(mirror: Mirror, release: Release) -> None:
    wanted = mirrors.Wanted(target="models/7/model.gguf", size=1 << 40, sha256=release.files[0].sha256)
    with pytest.raises(RefusedError) as refused:
        fetch.fetch_small(wanted, fetch.Line([mirrors.Mirror(url=mirror.url)]))
    assert refused.value.reason == "endless_data"
    assert mirror.asked == []


_CHILD = """
import sys
from pathlib import Path
from tests.updates.test_fetching_files import child
child(Path(sys.argv[1]), sys.argv[2])
"""


def child(folder: Path, url: str) -> None:
    """What a process that is killed does: fetch everything."""
    repository, release = _again(folder)
    house = storehouse(folder / "models", repository, url)
    bring(house, release)


def _again(folder: Path) -> tuple[Repository, Release]:
    """The same release, made anew: another process has none of ours."""
    repository = Repository(folder / "repository")
    return repository, repository.release(7, "noise-v1", folder / "model.gguf")


def test_a_process_that_is_killed_again_and_again_loses_only_the_chunk_it_was_at(tmp_path: Path) -> None:
    gguf.write(tmp_path / "model.gguf", size=SIZE)
    repository, release = _again(tmp_path)
    with Mirror(repository.folder) as mirror:
        gate = 0

        def waits_at_the_gate(_path: str, _offset: int, data: bytes) -> bytes:
            while mirror.sent >= gate:
                time.sleep(0.01)
            return data

        mirror.spoil = waits_at_the_gate
        for gate in (1_500_000, 3_000_000, 4_500_000, 6_000_000):
            process = _child_at(tmp_path, mirror)
            while mirror.sent < gate:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        gate = 1 << 40
        assert _child_at(tmp_path, mirror).wait() == 0
        house = storehouse(tmp_path / "models", repository, mirror.url)
        assert is_whole(house, release)
        assert mirror.sent < release.model.size + 4 * 3 * (1 << 20)


def _child_at(folder: Path, mirror: Mirror) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _CHILD, str(folder), mirror.url], cwd=CHECKOUT)
