"""Lies on the line: servers that drip, never end, say nothing, send elsewhere or send something else; and sticks full of traps.

Owns: these cases, on real sockets and files. Does not know: how a lie is noticed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from agent.models.shelf import Shelf
from provisioning.updates import chunks
from provisioning.updates.metadata import Metadata
from provisioning.updates.mirrors import Mirror
from provisioning.updates.news import News
from provisioning.updates.pace import Patience
from provisioning.updates.refusals import RefusedError
from provisioning.updates.small_files import SmallFiles
from provisioning.updates.storehouse import Storehouse
from tests.fakes import gguf, mirror
from tests.updates.hostile import ACCEPTED, Stage, case


class _Hurried(Mirror):
    """As on a box, only with less patience."""

    @property
    def patience(self) -> Patience:
        return Patience(stall_s=5, window_s=1, minimum=8000, tries=1, pause_s=0.01)


def _written(stage: Stage, name: str = "web") -> Path:
    """The server's files in a folder."""
    folder = stage.folder / name
    for path, data in stage.server.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def _asked(stage: Stage, address: str) -> str:
    """What becomes of the lists at an address, when they are asked for as on a box, only with less patience."""
    box = Metadata(
        stage.folder / "box",
        stage.root,
        lambda: [address],
        now=lambda: stage.clock,
        fetcher=lambda: SmallFiles(patience=5, stalled=5, grace=1, slowest=2048),
    )
    try:
        box.refresh()
    except RefusedError as refused:
        return refused.reason
    return ACCEPTED


def _over_the_line(stage: Stage, spoil: Callable[[mirror.Mirror], None]) -> str:
    with mirror.Mirror(_written(stage)) as server:
        spoil(server)
        return _asked(stage, server.url)


@case(ACCEPTED)
def an_honest_server(stage: Stage) -> str:
    return _over_the_line(stage, lambda _server: None)


@case("endless_data")
def a_server_sends_lists_without_end(stage: Stage) -> str:
    def spoil(server: mirror.Mirror) -> None:
        server.endless, server.headers = True, {"Content-Length": ""}

    return _over_the_line(stage, spoil)


@case("too_slow")
def a_server_lets_lists_drip(stage: Stage) -> str:
    def spoil(server: mirror.Mirror) -> None:
        server.crumbs_s = 0.01

    return _over_the_line(stage, spoil)


@case("unreachable")
def a_server_says_nothing(stage: Stage) -> str:
    def spoil(server: mirror.Mirror) -> None:
        server.silent.set()

    return _over_the_line(stage, spoil)


@case("unreachable")
def a_server_is_broken(stage: Stage) -> str:
    def spoil(server: mirror.Mirror) -> None:
        server.status = 500

    return _over_the_line(stage, spoil)


@case("unreachable")
def a_server_sends_to_a_file_of_this_box(stage: Stage) -> str:
    folder = _written(stage, "elsewhere")

    def spoil(server: mirror.Mirror) -> None:
        server.moved_to = folder.as_uri()

    return _over_the_line(stage, spoil)


@case("unreachable")
def a_server_sends_round_in_circles(stage: Stage) -> str:
    def spoil(server: mirror.Mirror) -> None:
        server.moved_to = server.url

    return _over_the_line(stage, spoil)


@case("incomplete")
def a_server_lacks_a_list_that_it_names(stage: Stage) -> str:
    del stage.server.files[f"metadata/{stage.server.models.version - 1}.models.json"]
    return _over_the_line(stage, lambda _server: None)


# A model's own files


def _model(stage: Stage) -> tuple[Path, News]:
    """A second release with a real file, on disk and believed."""
    file = gguf.write(stage.folder / "model.gguf", size=2_500_000)
    cut = chunks.cut(file)
    stage.server.add_model(2, content=file.read_bytes(), chunks=chunks.to_bytes(cut))
    stage.server.publish()
    return _written(stage), stage.believe()


def _fetched(stage: Stage, spoil: Callable[[mirror.Mirror], None]) -> str:
    """What becomes of the second release's file."""
    folder, news = _model(stage)
    release = news.releases[0]
    with mirror.Mirror(folder) as server:
        spoil(server)
        house = Storehouse(
            Shelf(stage.folder / "models"),
            mirrors=lambda: [_Hurried(url=server.url)],
            listed=lambda: news.targets,
            keep_free=0,
        )
        try:
            house.reserve(release)
            house.download(release)
            house.verify(release)
            house.stage(release.model)
        except RefusedError as refused:
            shelved = Shelf(stage.folder / "models").installed(release.model)
            return "loadable all the same" if shelved else refused.reason
    return ACCEPTED


def _only_weights(change: Callable[[int, bytes], bytes]) -> Callable[[str, int, bytes], bytes]:
    return lambda path, offset, data: change(offset, data) if path.endswith(".gguf") else data


@case(ACCEPTED)
def an_honest_file(stage: Stage) -> str:
    return _fetched(stage, lambda _server: None)


@case("wrong_hash")
def a_file_has_another_bit(stage: Stage) -> str:
    def spoil(server: mirror.Mirror) -> None:
        server.spoil = _only_weights(lambda offset, data: data if offset else bytes([data[0] ^ 1]) + data[1:])

    return _fetched(stage, spoil)


@case("wrong_hash")
def a_list_of_chunks_has_another_bit(stage: Stage) -> str:
    def spoil(server: mirror.Mirror) -> None:
        server.spoil = lambda path, _at, data: (
            data[:-1] + bytes([data[-1] ^ 1]) if path.endswith(".chunks") else data
        )

    return _fetched(stage, spoil)


@case("wrong_hash", "wrong_length", "endless_data")
def a_file_is_served_without_ranges_and_longer_than_was_signed(stage: Stage) -> str:
    def spoil(server: mirror.Mirror) -> None:
        server.ranges, server.endless, server.headers = False, True, {"Content-Length": ""}

    return _fetched(stage, spoil)


@case("wrong_length")
def a_file_is_announced_with_another_length(stage: Stage) -> str:
    def spoil(server: mirror.Mirror) -> None:
        server.headers = {"Content-Range": "bytes 0-99/100"}

    return _fetched(stage, spoil)


@case("too_slow")
def a_file_drips(stage: Stage) -> str:
    def spoil(server: mirror.Mirror) -> None:
        server.crumbs_s = 0.01

    return _fetched(stage, spoil)


# A stick


@case("unreachable")
def a_stick_has_a_pipe_in_place_of_a_list(stage: Stage) -> str:
    folder = _written(stage, "stick")
    (folder / "metadata" / "timestamp.json").unlink()
    os.mkfifo(folder / "metadata" / "timestamp.json")
    return _asked(stage, folder.as_uri())


@case("unreachable")
def a_stick_has_a_link_to_a_file_of_this_box_in_place_of_a_list(stage: Stage) -> str:
    folder = _written(stage, "stick")
    (folder / "metadata" / "timestamp.json").unlink()
    (stage.folder / "letter.txt").write_text("A private letter.")
    (folder / "metadata" / "timestamp.json").symlink_to(stage.folder / "letter.txt")
    return _asked(stage, folder.as_uri())


@case("endless_data")
def a_stick_has_a_list_of_a_gigabyte(stage: Stage) -> str:
    folder = _written(stage, "stick")
    with (folder / "metadata" / "timestamp.json").open("r+b") as file:
        file.truncate(1 << 30)
    return _asked(stage, folder.as_uri())


@case(ACCEPTED)
def an_honest_stick(stage: Stage) -> str:
    return _asked(stage, _written(stage, "stick").as_uri())
