"""Downloading one URL into one file, continuing where an earlier try stopped.

Owns: the request, its time limits, ranges, and the guard against a server that sends something else.
Does not know: models, wheels or hashes; who calls it checks what arrived.
"""

from __future__ import annotations

import contextlib
import os
import queue
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import httpx

from agent.errors import ModelError, UnreachableError
from agent.models.shared_client import SharedClient
from agent.models.shelf import writing

_STALLED_S = 30.0  # no byte for so long: the line is dead
_BLOCK = 1 << 18


def download(url: str, into: Path, size: int, *, patience: float, progress: Callable[[int], None]) -> None:
    """Fetches what is missing of a file and waits until it is on the disk.

    Args:
        url: https, http, or file (a package index may be a folder).
        into: The file; what it holds already is kept and continued.
        size: How many bytes the whole has.
        patience: Seconds until the server must have begun to answer.
        progress: Told how many bytes are there, now and then.

    Raises:
        UnreachableError: The server did not answer in time, or the line broke and brought nothing more.
        ModelError: The server refuses, or sends something of another size.
        StorageError: The disk is full.
    """
    while (before := _length(into)) < size:
        try:
            _continue(url, into, size, patience, progress)
        except UnreachableError:
            # A line that breaks is taken up again as long as each try brings something.
            if _length(into) <= before:
                raise
    if _length(into) > size:
        into.unlink()
        raise ModelError(f"{into.name} had grown too long; it was deleted.", hint="Try again.")


def _continue(url: str, into: Path, size: int, patience: float, progress: Callable[[int], None]) -> None:
    begin = _length(into)
    with _opened(url, begin, size, patience) as (start, blocks), writing(), into.open("ab") as out:
        out.truncate(start)
        done = start
        for block in _as_ours(blocks, url):
            done += len(block)
            if done > size:
                raise ModelError(
                    f"{_host(url)} sends more than the file has.", hint="Another source is tried."
                )
            out.write(block)
            progress(done)
        out.flush()
        os.fsync(out.fileno())
    if done < size:
        raise UnreachableError(
            f"The line to {_host(url)} broke.", hint="It is taken up again.", retry_after=5
        )


@contextlib.contextmanager
def _opened(url: str, begin: int, size: int, patience: float) -> Iterator[tuple[int, Iterator[bytes]]]:
    """The offset from which the source sends, and what it sends."""
    if url.startswith("file:"):
        with _local(url) as file:
            file.seek(begin)
            yield begin, iter(lambda: file.read(_BLOCK), b"")
        return
    headers = {"Range": f"bytes={begin}-"} if begin else {}
    with answered(url, patience=patience, stalled=_STALLED_S, headers=headers) as answer:
        yield _start_of(answer, begin, size), answer.iter_raw()


def _local(url: str) -> BinaryIO:
    try:
        return Path(unquote(urlsplit(url).path)).open("rb")
    except OSError as failed:
        raise UnreachableError(f"{url} is not there.", hint="Look at pip's configuration.") from failed


@contextlib.contextmanager
def answered(
    url: str, *, patience: float, stalled: float, headers: Mapping[str, str]
) -> Iterator[httpx.Response]:
    """An answer of which the head has come.

    Args:
        url: https or http.
        patience: Seconds until the head must have come.
        stalled: Seconds without a byte after which the line is dead.
        headers: Of the request, besides the one that forbids compression.

    Raises:
        UnreachableError: It does not come in time.
    """
    # The system's own certificates, and the user's own proxy if there is one.
    client = httpx.Client(
        verify=ssl.create_default_context(),
        follow_redirects=True,
        timeout=httpx.Timeout(stalled, connect=patience),
        headers={"Accept-Encoding": "identity"},
    )
    with SharedClient(client) as shared:
        request = client.build_request("GET", url, headers=headers)
        with contextlib.closing(_head(shared, request, patience)) as answer:
            yield answer


def _head(shared: SharedClient, request: httpx.Request, patience: float) -> httpx.Response:
    """Looking a name up knows no time limit of its own, nor do headers that drip, hence the thread."""
    result: queue.Queue[httpx.Response | Exception] = queue.Queue()

    def ask() -> None:
        try:
            with shared.used() as client:
                result.put(client.send(request, stream=True))
        except Exception as failed:  # noqa: BLE001 - carried over to the thread that waits
            result.put(failed)

    threading.Thread(target=ask, name="download", daemon=True).start()
    try:
        answer = result.get(timeout=patience)
    except queue.Empty:
        answer = httpx.ConnectTimeout("no answer in time")
    if isinstance(answer, httpx.TransportError | httpx.TooManyRedirects):
        raise UnreachableError(
            f"{request.url.host} does not answer.",
            hint="Is the box connected to the internet?",
            retry_after=60,
        ) from answer
    if isinstance(answer, Exception):
        raise answer
    return answer


def _start_of(answer: httpx.Response, begin: int, size: int) -> int:
    host = answer.request.url.host
    if answer.status_code >= 500 or answer.status_code == 429:
        raise UnreachableError(f"{host} answers {answer.status_code}.", hint="Try later.", retry_after=60)
    if answer.status_code not in (200, 206):
        raise ModelError(f"{host} answers {answer.status_code}.", hint="The file may have been moved.")
    start = begin if answer.status_code == 206 else 0
    told = answer.headers.get("Content-Length", "")
    ranged = answer.headers.get("Content-Range", f"bytes {start}-")
    if (told.isdigit() and start + int(told) != size) or not ranged.startswith(f"bytes {start}-"):
        raise ModelError(
            f"{host} sends something of another size.", hint="A log-in page of the network, perhaps?"
        )
    return start


def _as_ours(blocks: Iterator[bytes], url: str) -> Iterator[bytes]:
    try:
        yield from blocks
    except httpx.TransportError as broken:
        raise UnreachableError(
            f"The line to {_host(url)} broke.", hint="It is taken up again.", retry_after=5
        ) from broken


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _host(url: str) -> str:
    return urlsplit(url).hostname or "the folder"
