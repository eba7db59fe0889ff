"""Every error of the house, and how it looks over HTTP.

    NisseError                 500  internal
    ├── RequestError           400  invalid_request     the caller can mend it
    │   ├── AuthenticationError 401 not_authenticated
    │   ├── ForbiddenError     403  forbidden
    │   ├── NotFoundError      404  not_found
    │   ├── ConflictError      409  conflict
    │   ├── TooLargeError      413  too_large
    │   ├── UnreadableError    415  unreadable          a document or mail that cannot be read
    │   └── TooManyError       429  too_many            asked too often; Retry-After says when again
    ├── SettingsError          500  settings            the owner can mend it
    ├── UnavailableError       503  unavailable         later it will work; Retry-After says when
    │   ├── UnreachableError   503  unreachable         a service or server does not answer
    │   └── ModelError         503  model               no model, or it does not load
    └── StorageError           507  storage             the disk is full or does not take the write

Owns: the tree, the sentence for people, the hint that says what to do, and the JSON form that OpenAI's clients read.
Does not know: who raises what, nor HTTP servers.
"""

from __future__ import annotations

from typing import Any, ClassVar


class NisseError(Exception):
    """The root: an error with a key for programs, a sentence for people and a hint on what to do.

    Args:
        message: One sentence for people, without secrets.
        hint: One sentence that says what to do about it; empty where nothing can be done.
        param: Name of the request's field at fault, if one is.
        retry_after: Seconds after which another try makes sense, if known.
    """

    key: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(
        self, message: str, *, hint: str = "", param: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.param = param
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def to_json(self) -> dict[str, Any]:
        """The body of an error answer, in OpenAI's shape with our hint beside it."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        body = {"message": self.message, "type": kind, "param": self.param, "code": self.key}
        if self.hint:
            body["hint"] = self.hint
        return {"error": body}


class RequestError(NisseError):
    """The request is wrong; the caller can mend it."""

    key = "invalid_request"
    status = 400


class AuthenticationError(RequestError):
    """Nobody we know, or the proof does not fit."""

    key = "not_authenticated"
    status = 401


class ForbiddenError(RequestError):
    """Known, but not allowed to do this."""

    key = "forbidden"
    status = 403


class NotFoundError(RequestError):
    """There is no such thing."""

    key = "not_found"
    status = 404


class ConflictError(RequestError):
    """It is already so, or another was first."""

    key = "conflict"
    status = 409


class TooLargeError(RequestError):
    """Over one of the limits on size."""

    key = "too_large"
    status = 413


class UnreadableError(RequestError):
    """A document or mail that cannot be read."""

    key = "unreadable"
    status = 415


class TooManyError(RequestError):
    """Asked too often."""

    key = "too_many"
    status = 429


class SettingsError(NisseError):
    """A setting is missing, mistyped or out of range."""

    key = "settings"


class UnavailableError(NisseError):
    """Not now; later it will work."""

    key = "unavailable"
    status = 503


class UnreachableError(UnavailableError):
    """A service or a server does not answer."""

    key = "unreachable"


class ModelError(UnavailableError):
    """There is no model, or it does not load."""

    key = "model"


class StorageError(NisseError):
    """The disk is full or does not take the write; what was there stays as it was."""

    key = "storage"
    status = 507


def from_json(status: int, body: Any) -> NisseError:
    """The error that a service meant by its answer: the class by its code, else by its status.

    Args:
        status: HTTP status of the answer.
        body: The decoded JSON body, or anything else where it was none.
    """
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        error = {"message": f"The service answered {status} without saying why."}
    kinds = _all_kinds(NisseError)
    matching = [kind for kind in kinds if kind.key == error.get("code")]
    matching += [kind for kind in kinds if kind.status == status]
    kind = matching[0] if matching else (RequestError if status < 500 else NisseError)
    return kind(str(error.get("message")), hint=str(error.get("hint", "")), param=error.get("param"))


def _all_kinds(root: type[NisseError]) -> list[type[NisseError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in _all_kinds(child))]
