"""What an update is made with: the parts of this room and the services beside it, as narrow as the steps need them.

Owns: the protocols.
Does not know: any of the parts; `service` puts the real ones together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from agent.models.catalogue import Catalogue, Model
from agent.models.sets import Sets
from agent.models.shelf import Shelf
from provisioning.updates.bad import Bad
from provisioning.updates.book import Book
from provisioning.updates.golden import Golden
from provisioning.updates.judging import Shown
from provisioning.updates.lane import Lane
from provisioning.updates.news import News
from provisioning.updates.probation import Seen
from provisioning.updates.release import Release
from provisioning.updates.trust import Box

Progress = Callable[[int, int], None]  # bytes done, bytes in all
MayGoOn = Callable[[], str]  # why it may not go on now, in a sentence; empty: it may


class Source(Protocol):
    """Who knows which releases there are (`metadata`)."""

    def refresh(self, *, relaxed: bool = False) -> News:
        """Asks; raises RefusedError."""

    def known(self) -> News | None:
        """What was believed last, without asking."""

    def warning(self) -> str:
        """A sentence for the owner; mostly empty."""


class Store(Protocol):
    """Who fetches and keeps files (`storehouse`). Each may be called again after a death in its midst."""

    def bytes_needed(self, release: Release) -> int:
        """Bytes that must still be fetched."""

    def reserve(self, release: Release) -> None:
        """Makes sure of the room."""

    def download(self, release: Release, progress: Progress, may_go_on: MayGoOn) -> object:
        """Fetches; raises PausedError with the sentence of `may_go_on`."""

    def verify(self, release: Release, may_go_on: MayGoOn) -> None:
        """Only what was found right counts from then on."""

    def stage(self, model: Model) -> None:
        """Gives the model its place on the shelf."""

    def discard(self, release: Release) -> None:
        """Throws away what is on its way."""

    def collect(self, keep: Iterable[Model]) -> int:
        """Takes away what nobody needs; bytes freed."""


class Brain(Protocol):
    """The brain, as updates sees it."""

    def seen(self) -> Seen | None:
        """What it says of itself; None while it does not answer."""

    def trial(self, model: Model, prompts: Sequence[Mapping[str, Any]], seconds: float, most: int) -> Shown:
        """Has it try a model; most: megabytes, 0: what the box can spare."""

    def ask(self, prompt: str, tokens: int) -> str:
        """An answer of the model that serves."""


class Recall(Protocol):
    """Recall, as updates sees it."""

    def prepare(self, model: Model) -> tuple[str, int, int]:
        """Has it make an index for an embedder: `ready`, `preparing` or `failed: why`; passages done, and in all."""

    def drop(self, model: Model) -> None:
        """Has it give up the index of an embedder that will not serve."""


Announce = Callable[[str, str, str], None]  # key, subject, text


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the owner wants, as the settings have it."""

    policy: str  # automatic, ask or never
    delay: timedelta
    source: str  # where updates come from, for people; empty: nowhere
    chat: str = ""  # the chat model that the owner named
    embed: str = ""  # the embedder that the owner named

    def named(self, role: str) -> str:
        """The model of a role that the owner named, which no update takes the place of."""
        return self.chat if role == "chat" else self.embed


@dataclass(frozen=True, kw_only=True)
class Parts:
    """All of them."""

    book: Book
    bad: Bad
    sets: Sets
    shelf: Shelf
    catalogue: Catalogue
    source: Source
    store: Store
    brain: Brain
    recall: Recall
    questions: Callable[[], Sequence[Golden]]
    wishes: Wishes
    box: Box
    embedder: Model | None  # that the settings name
    line: MayGoOn  # why nothing may be fetched now
    lane: Lane = field(default_factory=Lane)
