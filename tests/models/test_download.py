"""A download that was given up: what comes too late reaches nothing else, and leaves nothing open."""

from __future__ import annotations

import contextlib
import gc
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UnreachableError
from agent.models.download import download
from tests.fakes.file_server import FileServer
from tests.models.late_server import PATIENCE_S, LateServer, OtherFiles, ended

OWL = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nOwls."


def give_up(url: str, folder: Path, *, patience: float = PATIENCE_S) -> None:
    with pytest.raises(UnreachableError):
        download(url, folder / "part", 5, patience=patience, progress=lambda _done: None)


def test_a_protected_answer_that_comes_late_reaches_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LateServer(tmp_path, b"", OWL) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        give_up(server.url, tmp_path)
        others = OtherFiles(tmp_path)
        server.tell_rest.set()
        assert ended("download")
        assert others.close_untouched()
        assert server.asked == 1


def test_whoever_is_given_up_is_hung_up_on_before_a_word_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LateServer(tmp_path, b"HTTP/1.1 200 OK\r\n", b"") as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        give_up(server.url, tmp_path)
        assert ended("download")
        server.tell_rest.set()
        assert server.left.acquire(timeout=20)


def test_headers_that_drip_are_not_read_after_they_were_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            line, _address = listening.accept()
            with line, contextlib.suppress(OSError):
                line.sendall(b"HTTP/1.1 200 OK\r\nOwls: ")
                while True:
                    line.sendall(b"w")
                    time.sleep(0.05)

        dripping = threading.Thread(target=drip)
        dripping.start()
        give_up(f"http://127.0.0.1:{listening.getsockname()[1]}/model.gguf", tmp_path, patience=1.5)
        assert ended("download")
        dripping.join(timeout=20)
        assert not dripping.is_alive()


@contextlib.contextmanager
def names_looked_up_slowly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = socket.getaddrinfo

    def slowly(*args: Any, **words: Any) -> Any:
        time.sleep(3.0)
        return real(*args, **words)

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", slowly)
        yield


def left_open(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is thrown away without having been closed, from now on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whatever others left
        gc.collect()
    found: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda problem: found.append(repr(problem.exc_value)))
    return found


@pytest.mark.parametrize("protected", [True, False])
def test_a_line_that_comes_when_nobody_waits_is_closed_and_nothing_is_asked_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protected: bool
) -> None:
    found = left_open(monkeypatch)
    with (
        warnings.catch_warnings(),
        LateServer(tmp_path, OWL, b"") as safe,
        FileServer({"model.gguf": b"Owls."}) as plain,
    ):
        warnings.simplefilter("error")
        monkeypatch.setenv("SSL_CERT_FILE", str(safe.authority))
        with names_looked_up_slowly(monkeypatch):
            give_up(safe.url if protected else plain.url("model.gguf"), tmp_path, patience=1.0)
            assert ended("download")
        gc.collect()
    assert found == []
    assert safe.asked == 0
    assert plain.asked == []
