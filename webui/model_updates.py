"""What the portal asks the updates service: how things stand with models and Nisse itself, the owner's word, test questions, and files.

Owns: those routes, how long each may take, and a state that can be shown also while the service is away.
Does not know: pages, nor what an update is made of.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from agent.errors import NisseError
from agent.wire.call import Client

LARGEST_PIECE = 4_000_000  # bytes of a file at a time
WORDS = ("check", "install", "decline", "back", "stop", "forgive")  # what an owner may say
PROGRAM_WORDS = ("install", "decline", "back", "stop", "forgive")  # likewise, of Nisse itself

_QUICK_S = 4.0
_WORD_S = 30.0  # going back is written down before it is answered
_PIECE_S = 120.0  # to a slow card


class ModelUpdates:
    """The updates service, as the portal sees it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def state(self) -> dict[str, Any]:
        """How things stand."""
        return dict(self._client.get("/state", timeout=_QUICK_S))

    def say(self, word: str, **more: Any) -> None:
        """Tells it what the owner wants; one of WORDS.

        Raises:
            ConflictError: That cannot be done now; the message says why.
        """
        self._client.post(f"/{word}", more, timeout=_WORD_S)

    def program(self) -> dict[str, Any]:
        """How things stand with Nisse itself; nothing while the service is away."""
        try:
            return dict(self._client.get("/program", timeout=_QUICK_S))
        except NisseError:
            return {}

    def say_of_program(self, word: str, **more: Any) -> None:
        """Tells it what the owner wants of Nisse itself; one of PROGRAM_WORDS.

        Raises:
            ConflictError: That cannot be done now; the message says why.
        """
        self._client.post(f"/program/{word}", more, timeout=_WORD_S)

    def bad_answer(self) -> None:
        """An owner found an answer bad; while a new model is on probation that counts."""
        self._client.post("/bad-answer", timeout=_QUICK_S)

    def questions(self) -> list[dict[str, Any]]:
        """The house's own test questions; none while the service is away."""
        try:
            return list(self._client.get("/golden", timeout=_QUICK_S)["questions"])
        except NisseError:
            return []

    def keep(self, question: str, answer: str, passages: Sequence[str]) -> dict[str, Any]:
        """Keeps a test question."""
        body = {"question": question, "answer": answer, "passages": list(passages)}
        return dict(self._client.post("/golden", body, timeout=_QUICK_S))

    def change(self, question: Mapping[str, Any], must: Sequence[str]) -> None:
        """Gives a test question other words that a good answer holds."""
        kept = {name: question[name] for name in ("question", "answer", "passages")}
        self._client.post("/golden", {**kept, "must": list(must)}, timeout=_QUICK_S)

    def remove(self, question: str) -> None:
        """Takes a test question away."""
        self._client.delete(f"/golden/{quote(question, safe='')}")

    def files(self) -> dict[str, Any]:
        """The files that owners bring, and those on sticks; none while the service is away."""
        try:
            return dict(self._client.get("/sideload", timeout=_QUICK_S))
        except NisseError:
            return {"arrivals": [], "sticks": []}

    def begin(self, name: str, size: int) -> dict[str, Any]:
        """Makes ready for a file."""
        return dict(self._client.post("/sideload", {"name": name, "size": size}, timeout=_QUICK_S))

    def append(self, file: str, offset: int, piece: bytes) -> dict[str, Any]:
        """Adds a piece of it."""
        body = {"offset": offset, "data": base64.b64encode(piece).decode("ascii")}
        return dict(self._client.post(_place(file), body, timeout=_PIECE_S))

    def finish(self, file: str) -> dict[str, Any]:
        """The file is complete."""
        return dict(self._client.post(f"{_place(file)}/finish", timeout=_WORD_S))

    def take(self, path: str) -> None:
        """Takes a file from a stick."""
        self._client.post("/sideload/stick", {"path": path}, timeout=_WORD_S)

    def give_up(self, file: str) -> None:
        """Takes away what has come of a file."""
        self._client.delete(_place(file))


def _place(file: str) -> str:
    return f"/sideload/{quote(file, safe='')}"
