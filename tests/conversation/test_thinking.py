"""What a turn makes of an answer that breaks off."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import create_autospec

import pytest

from agent.conversation.thinking import Thinking
from agent.errors import ForbiddenError, ModelError, NisseError, RequestError, TooManyError, UnavailableError
from agent.wire.call import Client


def _ask(error: Any) -> None:
    brain = create_autospec(Client, instance=True)
    brain.events.return_value = iter(["", json.dumps({"error": error})])
    thinking = Thinking(brain, create_autospec(Client, instance=True), passages=0, longest_answer=10)
    list(thinking.pieces([{"role": "user", "content": "?"}], person="", interactive=True, noted=False))


@pytest.mark.parametrize(
    "error",
    [
        RequestError("The prompt is too long.", hint="Send less.").to_json()["error"],
        ForbiddenError("The prompt is too long.", hint="Send less.").to_json()["error"],
        {"message": "The prompt is too long. Send less.", "type": "invalid_request_error"},
        {"message": "The prompt is too long. Send less.", "code": "invalid_request"},
    ],
)
def test_a_refusal_in_the_middle_of_a_stream_is_final(error: Any) -> None:
    with pytest.raises(RequestError, match=r"^The prompt is too long\. Send less\.$"):
        _ask(error)


@pytest.mark.parametrize(
    "error",
    [
        ModelError("Later.").to_json()["error"],
        TooManyError("Later.").to_json()["error"],
        NisseError("Later.").to_json()["error"],
        {"message": "Later.", "type": "server_error", "code": None},
        "Later.",
    ],
)
def test_any_other_error_in_a_stream_is_tried_again(error: Any) -> None:
    with pytest.raises(UnavailableError, match="Later"):
        _ask(error)
