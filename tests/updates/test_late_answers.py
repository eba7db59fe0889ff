"""Lists and ranges that come over TLS when nobody waits for them any more: they reach no other file."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from tuf.api.exceptions import DownloadError

from provisioning.updates.ranges import BrokenError, Stream, connection
from provisioning.updates.small_files import SmallFiles
from tests.models.late_server import PATIENCE_S, LateServer, OtherFiles, ended

HEAD = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-99/100\r\nContent-Length: 100\r\n\r\n"


def test_a_list_that_comes_late_reaches_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LateServer(tmp_path, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        with pytest.raises(DownloadError):
            SmallFiles(patience=PATIENCE_S).download_bytes(server.url, 100)
        others = OtherFiles(tmp_path)
        server.tell_rest.set()
        assert ended("download")
        assert others.close_untouched()
        assert server.asked == 1


def stall(stream: Stream) -> bytes:
    """What comes before it stalls."""
    came = b""
    with contextlib.closing(stream), contextlib.suppress(BrokenError):
        while block := stream.read(PATIENCE_S, lambda: None):
            came += block
    return came


@pytest.mark.parametrize("first", [b"", HEAD, HEAD + b"a" * 50], ids=["nothing", "head", "half"])
def test_ranges_that_come_late_reach_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    whole = HEAD + b"a" * 100
    with LateServer(tmp_path, first, whole[len(first) :]) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        with connection() as client:
            for _try in range(2):
                assert stall(Stream(server.url, 0, 100, 100, client=client)) == first[len(HEAD) :]
        others = OtherFiles(tmp_path)
        server.tell_rest.set()
        assert ended("fetching a range")
        assert others.close_untouched()
        assert server.asked == 2


def test_a_range_that_was_left_takes_nothing_from_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LateServer(tmp_path, HEAD + b"a" * 50, b"b" * 50) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        with connection() as client:
            stall(Stream(server.url, 0, 100, 100, client=client))
            server.tell_rest.set()
            assert stall(Stream(server.url, 0, 100, 100, client=client)) == b"a" * 50 + b"b" * 50
        assert ended("fetching a range")
        assert server.asked in (1, 2)  # the first may have come to its end after all, and its line be free
