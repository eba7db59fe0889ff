"""Asking the brain and recall on behalf of one person.

Owns: the calls that a turn makes, and what becomes of them when the other side is away.
Does not know: the databases of conversation, nor who waits for the answer.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from agent import logs
from agent.conversation.attached import Extract
from agent.errors import NisseError, RequestError, TooManyError, UnavailableError, UnreachableError, from_json
from agent.message import Attachment, Passage
from agent.wire.call import Client

_log = logging.getLogger(__name__)

# A small model must not embroider what it read; without notes a little freedom reads better.
_TEMPERATURE_WITH_NOTES = 0.0
_TEMPERATURE_WITHOUT = 0.6
_REPEAT_PENALTY = 1.05
_GLANCE_S = 2.0
_READ_FILE_S = 300.0


class Thinking:
    """The two services behind a turn."""

    def __init__(self, brain: Client, recall: Client, *, passages: int, longest_answer: int) -> None:
        """Args say whom to ask, how many passages to fetch, and the longest answer in tokens."""
        self._brain = brain
        self._recall = recall
        self._passages = passages
        self._longest_answer = longest_answer

    def passages(self, person: str, query: str) -> list[Passage] | None:
        """What the house knows that may help, best first; None if recall cannot be asked now."""
        if self._passages == 0:
            return []
        try:
            found = self._recall.post("/search", {"query": query, "person": person, "limit": self._passages})
            return [Passage.from_json(row) for row in found["passages"]]
        except UnavailableError as away:
            logs.event(_log, "recall.away", level=logging.WARNING, why=away.message)
            return None

    def pieces(
        self, messages: Sequence[dict[str, str]], *, person: str, interactive: bool, noted: bool
    ) -> Iterator[str]:
        """The brain's answer, piece by piece.

        Args:
            messages: The prompt, in OpenAI's form.
            person: For whom; the brain sees to it that nobody gets all of its time.
            interactive: Somebody sits there and waits.
            noted: The prompt holds notes from the house, to which the answer must keep.

        Raises:
            UnavailableError: The brain is away, loading, or has too much to do; later it will work.
            RequestError: The brain does not take this prompt.
        """
        request = {
            "messages": list(messages),
            "stream": True,
            "user": person,
            "max_tokens": self._longest_answer,
            "temperature": _TEMPERATURE_WITH_NOTES if noted else _TEMPERATURE_WITHOUT,
            "repeat_penalty": _REPEAT_PENALTY,
        }
        headers = {"X-Nisse-Priority": "interactive" if interactive else "background"}
        finished = False
        for line in self._brain.events("/v1/chat/completions", request, headers=headers):
            if line == "[DONE]":
                finished = True
                break
            if line:
                yield _text(json.loads(line))
        if not finished:
            raise UnreachableError("The brain stopped in the middle of an answer.", retry_after=2)

    def awake(self) -> bool:
        """Whether the brain has a model that answers. Costs next to nothing and writes nothing."""
        return bool(self.brain_info().get("ready"))

    def brain_info(self) -> dict[str, Any]:
        """What the brain says of itself; empty while it is away."""
        try:
            return dict(self._brain.get("/info", timeout=_GLANCE_S))
        except NisseError:
            return {}

    def keep(self, file: Attachment, *, person: str, message_id: str) -> str:
        """Gives a document to recall, for the whole house. Returns a line that says what became of it.

        Raises:
            UnavailableError: Recall is away; later it will work.
        """
        body = {
            "name": file.name,
            "media_type": file.media_type,
            "data": base64.b64encode(file.data).decode("ascii"),
            "audience": "house",
            "source": {"person": person, "message": message_id},
        }
        try:
            kept = self._recall.post("/documents", body, timeout=_READ_FILE_S)
        except UnavailableError:
            raise
        except NisseError as refused:
            return f"{file.name}: I could not keep it. {refused}"
        if kept.get("already"):
            return f"{file.name}: I knew it already."
        return f"{file.name}: kept ({kept['passages']} passages)."

    def extract(self, file: Attachment, first: int) -> Extract:
        """Has recall take the text out of a file, without keeping it.

        Args:
            file: The file.
            first: Characters of its beginning that are wanted.

        Raises:
            UnavailableError: Recall is away; later it will work.
        """
        body = {
            "name": file.name.strip() or "file",
            "media_type": file.media_type,
            "data": base64.b64encode(file.data).decode("ascii"),
            "first": first,
        }
        try:
            found = self._recall.post("/texts", body, timeout=_READ_FILE_S)
        except UnavailableError:
            raise
        except NisseError as refused:
            return Extract(name=file.name, problem=str(refused))
        return Extract(name=file.name, text=str(found["text"]), characters=int(found["characters"]))

    def remember(self, person: str, text: str, *, message_id: str, at: float) -> None:
        """Gives an exchange to recall, as this person's memory; a repeat is harmless.

        Raises:
            UnavailableError: Recall is away; later it will work.
        """
        self._recall.post("/memories", {"person": person, "text": text, "message_id": message_id, "at": at})

    def forget(self, person: str) -> None:
        """Has recall forget everything that a person said.

        Raises:
            UnavailableError: Recall is away; later it will work.
        """
        self._recall.delete(f"/memories?person={quote(person)}")

    def states(self) -> list[str]:
        """How the brain and recall are, a sentence each."""
        return [_state(self._brain), _state(self._recall)]


def _text(chunk: dict[str, Any]) -> str:
    if chunk.get("error"):
        raise _failure(chunk["error"])
    return "".join(str(choice.get("delta", {}).get("content") or "") for choice in chunk.get("choices", ()))


def _failure(error: Any) -> NisseError:
    """The error that a stream broke off with. What the brain will never take must not be tried again for ever."""
    if not isinstance(error, dict):
        error = {"message": str(error)}
    said = str(error.get("message") or "The brain failed.")
    meant = from_json(UnavailableError.status, {"error": error})
    refused = isinstance(meant, RequestError) or error.get("type") == "invalid_request_error"
    if refused and not isinstance(meant, TooManyError):
        return RequestError(said, hint=str(error.get("hint") or ""))
    return UnavailableError(said, retry_after=5)


def _state(client: Client) -> str:
    try:
        state = client.get("/info", timeout=5).get("state") or "well"
    except NisseError as away:
        state = away.message
    return f"{client.name}: {state}"
