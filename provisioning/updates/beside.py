"""The services beside this one, as an update needs them: the brain, recall, and conversation, which tells the owner.

Owns: their routes and the form of what they say.
Does not know: what is done with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from agent.embed.embedding import name_of
from agent.errors import NisseError, NotFoundError
from agent.models import recorded
from agent.models.catalogue import Model
from agent.wire.call import Client
from provisioning.updates.judging import Shown
from provisioning.updates.probation import Seen

_GLANCE_S = 5.0
_ASK_S = 120.0
_MORE_S = 300.0  # than the candidate's own time: until the memory is given, and the child has begun


class Brain:
    """The brain over HTTP."""

    def __init__(self, client: Client) -> None:
        """Asks by this client."""
        self._client = client

    def seen(self) -> Seen | None:
        """What it says of itself; None while it does not answer."""
        try:
            return Seen.read(self._client.get("/info", timeout=_GLANCE_S))
        except (NisseError, ValueError, TypeError, AttributeError):
            return None

    def trial(self, model: Model, prompts: Sequence[Mapping[str, Any]], seconds: float, most: int) -> Shown:
        """Has it try a model.

        Args:
            model: Its files are on the shelf.
            prompts: What it is asked.
            seconds: That it may take.
            most: Megabytes that it may have; 0: what the box can spare.

        Raises:
            NisseError: It could not be tried now.
        """
        body = {
            "model": recorded.to_json(model),
            "prompts": [dict(prompt) for prompt in prompts],
            "seconds": seconds,
            "most_memory": most,
        }
        return Shown.read(self._client.post("/trials", body, timeout=seconds + _MORE_S))

    def ask(self, prompt: str, tokens: int) -> str:
        """An answer of the model that serves; whoever waits in person goes first.

        Raises:
            NisseError: There is none now.
        """
        body = {
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": tokens,
            "temperature": 0,
            "user": "nisse-updates",
        }
        said = self._client.post("/v1/chat/completions", body, timeout=_ASK_S)
        return str(said["choices"][0]["message"]["content"])


class Recall:
    """Recall over HTTP."""

    def __init__(self, client: Client) -> None:
        """Asks by this client."""
        self._client = client

    def prepare(self, model: Model) -> tuple[str, int, int]:
        """Has it make an index for an embedder; asking again tells how far that is.

        Returns:
            `ready`, `preparing` or `failed: why`; passages done, and in all.

        Raises:
            NisseError: It cannot now.
        """
        told = self._client.post("/index", {"embedder": recorded.to_json(model)}, timeout=_ASK_S)
        row = next((each for each in told["indexes"] if each["embedder"] == name_of(model)), None)
        if row is None:
            return "preparing", 0, 0
        state = {
            "active": "ready",
            "ready": "ready",
            "previous": "ready",
            "failed": f"failed: {row['problem']}",
        }
        return state.get(row["state"], "preparing"), int(row["done"]), int(row["total"])

    def drop(self, model: Model) -> None:
        """Has it give up the index of an embedder that will not serve.

        Raises:
            NisseError: It cannot now.
        """
        try:
            self._client.delete(f"/index/{quote(name_of(model), safe='@')}")
        except NotFoundError:
            return  # there is none


class Conversation:
    """Conversation over HTTP."""

    def __init__(self, client: Client) -> None:
        """Asks by this client."""
        self._client = client

    def announce(self, key: str, subject: str, text: str) -> None:
        """Has the owners told, once for each key.

        Raises:
            NisseError: It cannot now.
        """
        self._client.post("/announcements", {"key": key, "subject": subject, "text": text})
