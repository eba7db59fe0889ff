"""The nouns that travel between the services: Message, Attachment, Person, Passage, Reply.

Owns: what each holds, and its JSON form in both directions. Fields that a newer peer added survive the way through.
Does not know: HTTP, databases, or any channel.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from agent.errors import RequestError

VERSION = 1
VERIFIED = "verified"  # the channel itself proved who wrote: a login, a signature
ASSERTED = "asserted"  # a server that the house trusts says so
UNVERIFIED = "unverified"  # anybody can have written it
SOURCES_HEADING = "From what the house knows:"


class Refusal(NamedTuple):
    """Why a message gets no answer."""

    rule: str  # the rule by which, such as "E10"
    why: str  # in words for the owner


@dataclass(frozen=True, kw_only=True)
class _Noun:
    extra: Mapping[str, Any] = field(
        default_factory=dict, repr=False
    )  # fields of a newer peer, kept as they came

    def to_json(self) -> dict[str, Any]:
        """The noun as JSON's own types."""
        own = {
            item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name != "extra"
        }
        return {**self.extra, **{name: _plain(value) for name, value in own.items()}}

    @classmethod
    def from_json(cls, body: Any) -> Self:
        """The noun that the JSON describes.

        Raises:
            RequestError: A field is missing or has the wrong type; `param` names it.
        """
        if not isinstance(body, dict):
            raise RequestError(f"A {cls.__name__} must be a JSON object.")
        hints = typing.get_type_hints(cls)
        known = {item.name: item for item in dataclasses.fields(cls) if item.name != "extra"}
        values = {name: _read(name, hints[name], body[name]) for name in known if name in body}
        missing = [name for name, item in known.items() if name not in values and _required(item)]
        if missing:
            raise RequestError(f"A {cls.__name__} needs {missing[0]!r}.", param=missing[0])
        return cls(**values, extra={name: value for name, value in body.items() if name not in known})


@dataclass(frozen=True, kw_only=True)
class Attachment(_Noun):
    """A file that came with a message."""

    name: str
    media_type: str = "application/octet-stream"
    data: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Message(_Noun):
    """What somebody wrote, as its channel received it.

    `channel` and `native_id` name it for ever: the same pair is the same message, however often it is posted.
    """

    channel: str
    native_id: str  # the channel's own name for it, such as a Message-ID
    sender: str  # an address of the kind `address_kind`, as proven as the channel can
    text: str
    address_kind: str = ""  # "mail" for mail and door; empty: the channel's own name
    subject: str = ""
    thread: str = ""  # the native id that began the thread; empty: this message begins one
    attachments: tuple[Attachment, ...] = ()
    received_at: float = 0.0  # seconds since 1970
    level: str = UNVERIFIED  # how sure it is that the sender wrote it
    evidence: str = ""  # by what, in words for the owner
    written_at: float = 0.0  # when they wrote it, as surely as that; 0: nobody vouches for it
    answer_to: str = ""  # where the answer goes if not to the sender
    automatic: str = (
        ""  # why it must not be answered whoever wrote it, such as "Auto-Submitted: auto-replied"
    )
    rule: str = ""  # the rule by which, such as "E10"
    problem: str = ""  # what could not be taken over, in words for the sender
    envelope: Mapping[str, str] = field(
        default_factory=dict
    )  # what the channel needs for the reply; echoed untouched
    version: int = VERSION

    @property
    def id(self) -> str:
        """The message's name in the house: derived, so that a repeat is recognised."""
        return hashlib.sha256(f"{self.channel}\0{self.native_id}".encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Person(_Noun):
    """A member of the household."""

    id: str
    name: str
    role: str = "member"  # "owner" or "member"
    addresses: tuple[tuple[str, str], ...] = ()  # pairs of kind and address: ("mail", "anna@example.org")


@dataclass(frozen=True, kw_only=True)
class Passage(_Noun):
    """A piece of something the house knows, as recall found it."""

    text: str
    document: str  # the document's name, or the conversation's
    document_id: str = ""
    kind: str = "document"  # "document" or "memory"
    page: int = 0  # from 1; 0 where the format has no pages
    start: int = 0  # offsets into the document's text, in characters
    end: int = 0
    score: float = 0.0  # higher is nearer; comparable within one search only


@dataclass(frozen=True, kw_only=True)
class Reply(_Noun):
    """An answer on its way to its channel. Text and outgoing id never change once it exists."""

    id: str
    message_id: str
    channel: str
    recipient: str
    text: str
    outgoing_id: str  # what the channel makes its own unique id of, so that it can ask whether this went out
    sources: tuple[Passage, ...] = ()
    subject: str = ""
    envelope: Mapping[str, str] = field(default_factory=dict)  # as the message brought it
    state: str = "answered"  # answered, sending, sent or failed
    created_at: float = 0.0  # seconds since 1970
    version: int = VERSION

    @property
    def is_note(self) -> bool:
        """Whether this only says that the answer will take long; the answer itself is still to come."""
        return self.id != self.message_id

    @property
    def answer(self) -> str:
        """The text without the list of sources below it, for whoever shows `sources` in another way."""
        return self.text.partition(f"\n\n{SOURCES_HEADING}\n")[0].strip()


def _plain(value: Any) -> Any:
    if isinstance(value, _Noun):
        return value.to_json()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value


def _required(item: dataclasses.Field[Any]) -> bool:
    return item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING


def _read(name: str, hint: Any, value: Any) -> Any:
    try:
        return _convert(hint, value)
    except (TypeError, ValueError, binascii.Error) as wrong:
        raise RequestError(f"{name!r} has the wrong type: {wrong}", param=name) from wrong


def _convert(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError("expected a list")
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_convert(arguments[0], item) for item in value)
        if len(value) != len(arguments):
            raise TypeError(f"expected {len(arguments)} items")
        return tuple(_convert(kind, item) for kind, item in zip(arguments, value, strict=True))
    if origin is Mapping:
        if not isinstance(value, dict):
            raise TypeError("expected an object")
        return {str(key): str(item) for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, _Noun):
        return hint.from_json(value)
    return _convert_scalar(hint, value)


def _convert_scalar(hint: Any, value: Any) -> Any:
    if hint is bytes:
        return base64.b64decode(value, validate=True)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise TypeError(f"expected {getattr(hint, '__name__', hint)}")
    return value
