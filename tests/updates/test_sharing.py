"""Boxes of one home give each other signed models: found by multicast DNS, believed for their hash alone, and nothing else is given."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from waitress.server import TcpWSGIServer

from agent.models.blobs import Blobs
from agent.models.sets import ModelSet, Sets
from provisioning.updates.neighbours import Neighbours, _mirror
from provisioning.updates.release import Release
from provisioning.updates.sharing import create_app, sharing
from provisioning.updates.storehouse import Storehouse
from tests.fakes import gguf
from tests.live.running import until
from tests.source_tree import CHECKOUT
from tests.updates.goods import Repository, bring, storehouse
from tests.webui.network import Cable

SIZE = 3_000_000


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def release(repository: Repository, tmp_path: Path) -> Release:
    return repository.release(7, "noise-v1", gguf.write(tmp_path / "model.gguf", size=SIZE))


@pytest.fixture
def giver(tmp_path: Path, repository: Repository, release: Release) -> Storehouse:
    """A box at which a signed release serves."""
    house = storehouse(tmp_path / "giver", repository, repository.folder.as_uri())
    bring(house, release)
    serve(house, release, signed=True)
    return house


def serve(house: Storehouse, release: Release, *, signed: bool) -> None:
    """Puts a release in force."""
    seq = house.sets.next_seq()
    releases = {"chat": release.seq} if signed else {}
    origin = "signed" if signed else "unsigned"
    house.sets.write(
        ModelSet(seq=seq, origin=origin, chat=release.model, embed=None, made="", why="", releases=releases)
    )
    house.sets.switch(seq, None)


@pytest.fixture
def shared(giver: Storehouse) -> Iterator[str]:
    with sharing(giver.blobs, giver.sets, listen="127.0.0.1:0", name="test", wanted=True) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_whole_model_comes_from_a_neighbour(
    shared: str, repository: Repository, release: Release, tmp_path: Path
) -> None:
    repository.place(release.files[0].target).unlink()  # the publisher's server has the list of chunks only
    house = storehouse(tmp_path / "taker", repository, repository.folder.as_uri(), neighbours=[shared])
    bring(house, release)
    assert house.blobs.sound(release.files[0].sha256)


def test_ranges_are_honoured(shared: str, release: Release, tmp_path: Path) -> None:
    url = f"{shared}/blobs/{release.files[0].sha256}"
    part = httpx.get(url, headers={"Range": "bytes=1000000-1000099"})
    assert part.status_code == 206
    assert part.headers["Content-Range"] == f"bytes 1000000-1000099/{release.files[0].size}"
    assert part.content == (tmp_path / "model.gguf").read_bytes()[1_000_000:1_000_100]
    assert part.headers["ETag"].startswith('"')


def test_what_the_owner_brought_and_all_that_is_no_blob_is_not_given(
    giver: Storehouse, shared: str, repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    own = repository.release(8, "own", gguf.write(tmp_path / "own" / "m.gguf", size=9000, seed=9))
    bring(giver, own)
    serve(giver, own, signed=False)
    for path in (
        f"/blobs/{own.files[0].sha256}",
        f"/blobs/{hashlib.sha256(b'').hexdigest()}",
        "/blobs/../sets/active",
        "/blobs/",
        "/",
        "/sets/1.json",
        "/health",
    ):
        assert httpx.get(shared + path).status_code == 404, path
    assert httpx.post(f"{shared}/blobs/{own.files[0].sha256}").status_code in (404, 405)


def test_nobody_from_outside_the_home_is_given_anything(giver: Storehouse, release: Release) -> None:
    client = create_app(giver.blobs, giver.sets).test_client()
    path = f"/blobs/{release.files[0].sha256}"
    for asker, status in (("203.0.113.9", 403), ("2001:db8::9", 403), ("", 403), ("192.168.1.9", 200)):
        with client.get(path, environ_base={"REMOTE_ADDR": asker}) as answer:
            assert answer.status_code == status


def test_nothing_is_shared_unless_it_is_wanted(giver: Storehouse) -> None:
    with sharing(giver.blobs, giver.sets, listen="127.0.0.1:0", name="test", wanted=False) as port:
        assert port == 0


def test_sharing_ends_also_while_a_neighbour_still_takes_a_file(
    giver: Storehouse, repository: Repository, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "long").mkdir()
    long = repository.release(8, "long", gguf.write(tmp_path / "long" / "m.gguf", size=40_000_000))
    bring(giver, long)
    serve(giver, long, signed=True)
    before = set(threading.enumerate())
    with contextlib.ExitStack() as held:
        with sharing(giver.blobs, giver.sets, listen="127.0.0.1:0", name="test", wanted=True) as port:
            url = f"http://127.0.0.1:{port}/blobs/{long.files[0].sha256}"
            idle = held.enter_context(httpx.Client())
            assert idle.head(url).status_code == 200
            taking = held.enter_context(httpx.stream("GET", url))
            assert taking.status_code == 200
        until(lambda: set(threading.enumerate()) <= before, 20, "the end of all threads")
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
        with pytest.raises(httpx.RemoteProtocolError):
            taking.read()
    assert not [record for record in caplog.records if record.name.startswith(("waitress", "provisioning"))]


def test_ending_breaks_nothing_while_the_server_looks_whom_to_wait_for(
    giver: Storehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = TcpWSGIServer.readable

    def slowly(server: TcpWSGIServer) -> bool:
        found = bool(looked(server))
        time.sleep(0.1)
        return found

    monkeypatch.setattr(TcpWSGIServer, "readable", slowly)
    with sharing(giver.blobs, giver.sets, listen="127.0.0.1:0", name="test", wanted=True):
        time.sleep(0.05)


@pytest.mark.parametrize("listen", ["here", "127.0.0.1:99999", "203.0.113.9:8705"])
def test_a_place_that_is_none_costs_the_sharing_and_not_the_updates(tmp_path: Path, listen: str) -> None:
    with sharing(Blobs(tmp_path), Sets(tmp_path), listen=listen, name="test", wanted=True) as port:
        assert port == 0


@pytest.mark.parametrize(
    ("addresses", "asked"),
    [
        (["192.168.1.7"], "http://192.168.1.7:8705"),
        (["127.0.0.1", "10.0.0.7"], "http://10.0.0.7:8705"),
        (["203.0.113.9", "8.8.8.8"], None),
        (["127.0.0.1"], None),
        (["0.0.0.0"], None),
        ([], None),
    ],
)
def test_an_announcement_sends_us_nowhere_but_into_the_home(addresses: list[str], asked: str | None) -> None:
    found = _mirror(addresses, 8705)
    assert (found.url if found else None) == asked


def giving(folder: Path) -> None:
    """What the one box does: share until it is killed."""
    house = Blobs(folder / "giver"), Sets(folder / "giver")
    with sharing(*house, listen="0.0.0.0:8705", name="nisse-giver", wanted=True):
        time.sleep(600)


def taking(folder: Path) -> None:
    """What the other box does: find the first, fetch from it, and write down who was found."""
    neighbours = Neighbours("nisse-taker")
    found = until(neighbours.mirrors, 60, "a neighbour")
    repository = Repository(folder / "repository")
    release = repository.release(7, "noise-v1", folder / "model.gguf")
    repository.place(release.files[0].target).unlink()
    house = storehouse(
        folder / "taker", repository, repository.folder.as_uri(), neighbours=[mirror.url for mirror in found]
    )
    bring(house, release)
    neighbours.close()
    (folder / "found.json").write_text(json.dumps([dataclasses.asdict(mirror) for mirror in found]))


@pytest.mark.root
@pytest.mark.servers
def test_a_box_finds_another_in_the_home_and_takes_a_model_from_it(
    giver: Storehouse, release: Release, tmp_path: Path
) -> None:
    def program(what: str) -> list[str]:
        line = f"import pathlib, tests.updates.test_sharing as t; t.{what}(pathlib.Path({str(tmp_path)!r}))"
        return [sys.executable, "-c", line]

    with Cable(tmp_path, avahi_name="guest") as cable:
        box = subprocess.Popen(["ip", "netns", "exec", cable.box.name, *program("giving")], cwd=CHECKOUT)
        try:
            subprocess.run(
                ["ip", "netns", "exec", cable.guest.name, *program("taking")],
                cwd=CHECKOUT,
                check=True,
                timeout=120,
            )
        finally:
            box.kill()
            box.wait()
    assert json.loads((tmp_path / "found.json").read_text()) == [
        {"url": "http://10.77.0.2:8705", "neighbour": True}
    ]
    assert Blobs(tmp_path / "taker").sound(release.files[0].sha256)
