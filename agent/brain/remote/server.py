"""One server over HTTP: asking it, looking whether it is there, and its refusals in our words.

Owns: the connections, time limits, limits on size, and asking a second time without extensions where a server does not take them.
Does not know: threads, who waits, nor what is done when it fails.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from typing import Any, Self

import httpx

from agent import logs
from agent.brain import Piece, Request
from agent.brain.remote import asking
from agent.brain.remote.hearing import Hearing, Lines
from agent.brain.remote.place import Place
from agent.errors import ModelError, NisseError, RequestError, UnavailableError

_log = logging.getLogger(__name__)

_CONNECT_S = 5.0
_LOOK_S = 10.0  # at most, to look whether it is there
_LONGEST_BODY = 1_000_000  # bytes that are read of a refusal or a list
_LONGEST_ANSWER = 32_768  # chunks, of a server whose context nobody knows
_FALSE_REQUEST = (400, 413, 422)  # the request's fault, not the server's


class Server:
    """One server. Used in one event loop, inside its `async with`."""

    def __init__(self, place: Place, *, patience: float) -> None:
        """Connects to nothing yet.

        Args:
            place: Which server.
            patience: Seconds without a byte after which an answer counts as dead.
        """
        self.model = place.model
        self.context = place.context
        self.plain = False  # it does not take extensions
        self._taken: frozenset[str] = frozenset()  # extensions that it took
        self._place = place
        logs.keep_secret(place.key.reveal())
        key = place.key.reveal()
        # To the address that the owner named and nowhere else: no proxy of the environment, no redirection.
        self._http = httpx.AsyncClient(
            base_url=place.url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            verify=ssl.create_default_context(),
            timeout=httpx.Timeout(patience, connect=_CONNECT_S),
            trust_env=False,
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def look(self) -> None:
        """Asks which models it has, which shows that it is there, and learns what the owner left open.

        Raises:
            NisseError: It is not as it should be.
        """
        try:
            async with self._http.stream("GET", "models", timeout=_LOOK_S) as response:
                self._learn(httpx.Response(200, content=await _accepted(response)).json())
        except Exception as failed:
            raise _in_words(failed) from failed

    async def answer(self, request: Request) -> AsyncIterator[Piece]:
        """The pieces of its answer; the last has `finish`.

        Raises:
            RequestError: It says that the request is wrong.
            NisseError: It is not as it should be.
        """
        try:
            async for piece in self._asked(request):
                yield piece
        except Exception as failed:
            raise _in_words(failed) from failed

    def _learn(self, listed: Any) -> None:
        rows = {str(row["id"]): row for row in listed["data"]}
        if not self.model:
            if not rows:
                raise ModelError("The server lists no model.")
            # Another Nisse also lists those that it could have.
            self.model = next((name for name, row in rows.items() if row.get("served")), next(iter(rows)))
        if not self._place.context:
            row = rows.get(self.model, {})
            meta = row.get("meta") or {}
            # The words of vLLM, another Nisse, llama-server.
            told = (row.get("max_model_len"), row.get("context"), meta.get("n_ctx"), meta.get("n_ctx_train"))
            self.context = next((each for each in told if isinstance(each, int) and each > 0), 0)

    async def _asked(self, request: Request) -> AsyncIterator[Piece]:
        if not self.plain:
            extras = asking.extras(request)
            try:
                async for piece in self._tried(request, extensions=True):
                    self._taken |= extras
                    yield piece
            except RequestError:
                if extras <= self._taken:
                    raise
                # Else perhaps because of them.
            else:
                return
        strict = not self.plain
        async for piece in self._tried(request, extensions=False):
            if strict and not self.plain:
                self.plain = True
                logs.event(_log, "remote.plain", server=self._place.url)
            yield piece

    async def _tried(self, request: Request, *, extensions: bool) -> AsyncIterator[Piece]:
        body = asking.body(request, self.model, extensions=extensions)
        async with self._http.stream("POST", asking.path(request).lstrip("/"), json=body) as response:
            if response.status_code != 200:
                raise _refusal(response, await _read(response))
            lines, hearing = Lines(), Hearing(self.context or _LONGEST_ANSWER)
            async for block in response.aiter_bytes():
                for line in lines.push(block):
                    if not hearing.ended and (piece := hearing.push(line)):
                        yield piece
                if hearing.ended:
                    break
            yield hearing.end()


async def _accepted(response: httpx.Response) -> bytes:
    if response.status_code != 200:
        raise _refusal(response, await _read(response))
    return await _read(response)


async def _read(response: httpx.Response) -> bytes:
    read = b""
    async for block in response.aiter_bytes():
        read += block
        if len(read) > _LONGEST_BODY:
            raise ModelError("The server sends more than makes sense.")
    return read


def _refusal(response: httpx.Response, body: bytes) -> NisseError:
    code, said = response.status_code, _said(body)
    where = {
        401: "Look at brain.remote_key.",
        403: "Look at brain.remote_key.",
        404: "Look at brain.remote_model.",
    }
    words = " ".join(filter(None, (f"The server answers {code}.", said, where.get(code))))
    if code in _FALSE_REQUEST:
        return RequestError(words)
    wait = response.headers.get("Retry-After", "")
    return UnavailableError(words, retry_after=float(wait) if wait.isascii() and wait.isdigit() else None)


def _said(body: bytes) -> str:
    """What the server says of it, in one of the forms that servers have."""
    try:
        content = httpx.Response(200, content=body).json()
        error = content.get("error", content.get("detail", content.get("message", "")))
        said = str(error.get("message", "") if isinstance(error, dict) else error)
    except (ValueError, AttributeError, RecursionError):
        return ""
    return logs.masked(said[:300])  # some servers repeat the key


def _in_words(failed: Exception) -> NisseError:
    if isinstance(failed, NisseError):
        return failed
    if isinstance(failed, httpx.ConnectTimeout | httpx.ConnectError):
        why = "its certificate is not trusted" if "CERTIFICATE" in str(failed) else "nobody answers there"
        return UnavailableError(f"The server cannot be reached: {why}.")
    if isinstance(failed, httpx.TimeoutException):
        return UnavailableError("The server takes too long.")
    if isinstance(failed, httpx.TransportError):
        return ModelError("The line to the server broke.")
    if not isinstance(failed, httpx.HTTPError | ValueError | TypeError | LookupError | AttributeError):
        _log.error("remote.broke", exc_info=failed)
    return ModelError("The server sends something that is no answer.")
