"""Fetching the small signed files of a repository: from a web server, a folder or a stick.

Owns: the limits on their size and on a server's patience-trying: what drips is given up.
Does not know: what is in them (python-tuf asks), nor the models' own files (`fetch`).
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    SlowRetrievalError,
)
from tuf.ngclient.fetcher import FetcherInterface

from agent.errors import UnreachableError
from agent.models.download import answered

_BLOCK = 1 << 16
_PATIENCE_S = 20.0  # until the answer begins
_STALLED_S = 20.0  # without a byte
_GRACE_S = 10.0  # before the speed counts
_SLOWEST = 2048  # bytes a second


class SmallFiles(FetcherInterface):
    """Gets one file at a time, all of it into memory: never more than was signed for."""

    def __init__(
        self,
        *,
        patience: float = _PATIENCE_S,
        stalled: float = _STALLED_S,
        grace: float = _GRACE_S,
        slowest: float = _SLOWEST,
    ) -> None:
        """Asks for nothing yet.

        Args:
            patience: Seconds until a server must have begun to answer.
            stalled: Seconds without a byte after which the line is dead.
            grace: Seconds after which the speed counts.
            slowest: Bytes a second, on average, that are the least.
        """
        self.asked = ""  # the name of the file asked for last
        self._patience = patience
        self._stalled = stalled
        self._grace = grace
        self._slowest = slowest

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """A file's content. The library's own way would lay it into the folder of temporary files first.

        Raises:
            DownloadError: It does not come, comes too slowly, or is too long.
        """
        parts, done = [], 0
        begin = time.monotonic()
        for block in self._fetch(url):
            done += len(block)
            if done > max_length:
                raise DownloadLengthMismatchError(f"{url} is longer than {max_length} bytes")
            seconds = time.monotonic() - begin
            if seconds > self._grace and done < self._slowest * seconds:
                raise SlowRetrievalError(f"{url}: {done} bytes in {seconds:.0f} s")
            parts.append(block)
        return b"".join(parts)

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.asked = unquote(url.rpartition("/")[2])
        scheme = urlsplit(url).scheme
        if scheme == "file":
            return _local(url)
        if scheme in ("http", "https"):
            return self._remote(url)
        raise DownloadError(f"{url} is neither a web address nor a folder")

    def _remote(self, url: str) -> Iterator[bytes]:
        try:
            with answered(url, patience=self._patience, stalled=self._stalled, headers={}) as answer:
                if answer.status_code != 200:
                    raise DownloadHTTPError(f"{url}: {answer.status_code}", answer.status_code)
                # By what comes, not by full blocks: a server that drips must be noticed.
                yield from answer.iter_raw()
        except httpx.TimeoutException as slow:
            raise SlowRetrievalError(f"{url} stalls") from slow
        except (httpx.HTTPError, httpx.InvalidURL, UnreachableError) as failed:
            raise DownloadError(f"{url}: {failed}") from failed


def _local(url: str) -> Iterator[bytes]:
    path = Path(unquote(urlsplit(url).path))
    try:
        # A stick may hold pipes and devices, which would never end or hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DownloadError(f"{path} is no file")
            while block := file.read(_BLOCK):
                yield block
    except FileNotFoundError as missing:
        raise DownloadHTTPError(f"{path} is not there", 404) from missing
    except OSError as failed:
        raise DownloadError(f"{path}: {failed}") from failed
