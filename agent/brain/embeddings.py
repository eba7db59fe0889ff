"""`POST /v1/embeddings`: OpenAI's call, answered by the house's own embedder.

Owns: the call's fields, their limits, and the sentence for each that is wrong.
Does not know: when the embedder is in memory (`embedder`), nor the chat model, which goes on answering meanwhile.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response
from flask.typing import ResponseReturnValue

from agent.brain.embedder import Embedder
from agent.errors import ModelError, NotFoundError, RequestError
from agent.wire import serve

_MOST_TEXTS = 256
_LONGEST_TEXT = 8192  # characters
_MOST_CHARACTERS = 131_072  # of all texts together: about a quarter of a minute on one core
_HOUSE_NAMES = ("", "default", "nisse")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a client, understood."""

    texts: tuple[str, ...]
    base64: bool  # else lists of numbers


def add_routes(app: Flask, embedder: Embedder | None) -> None:
    """Adds the call to an application.

    Args:
        app: The brain's.
        embedder: Who answers; None if the house has no embedder.
    """

    @app.post("/v1/embeddings")
    def embed() -> ResponseReturnValue:
        if embedder is None:
            raise ModelError("This house has no embedding model.", hint="Name one in recall.embedder.")
        body = serve.json_body()
        call = read(body, embedder.model.name)
        done = embedder.embed(call.texts, serve.hung_up)
        if done is None:
            return Response(status=499)  # nobody is there to read it
        rows, tokens = done
        if body.get("dimensions") not in (None, len(rows[0])):
            raise _dimensions_error(len(rows[0]))
        return write(rows, tokens, call, embedder.model.name)


def read(body: Mapping[str, Any], model: str) -> Call:
    """What the client asks.

    Args:
        body: The call's JSON object.
        model: The name of the house's embedder.

    Raises:
        RequestError: A field is missing or wrong; `param` names it.
        NotFoundError: It asks for another model.
    """
    if (body.get("model") or "") not in (*_HOUSE_NAMES, model):
        raise NotFoundError(
            f"{body['model']!r} does not embed here.",
            hint=f"Name {model!r}, or leave it out.",
            param="model",
        )
    form = body.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise RequestError("encoding_format must be float or base64.", param="encoding_format")
    dimensions = body.get("dimensions")
    if dimensions is not None and (not isinstance(dimensions, int) or isinstance(dimensions, bool)):
        raise RequestError("dimensions must be a whole number.", param="dimensions")
    return Call(texts=_texts(body.get("input")), base64=form == "base64")


def write(rows: Sequence[Any], tokens: int, call: Call, model: str) -> dict[str, Any]:
    """OpenAI's answer. The numbers are 32-bit; base64 holds them in little-endian order."""
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(row.astype("<f4").tobytes()).decode()
                if call.base64
                else row.tolist(),
            }
            for index, row in enumerate(rows)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _texts(given: Any) -> tuple[str, ...]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise RequestError("input must be a text or a list of texts, with at least one.", param="input")
    if len(texts) > _MOST_TEXTS:
        raise RequestError(
            f"input has more than {_MOST_TEXTS} texts.", hint="Send fewer at a time.", param="input"
        )
    if any(isinstance(text, int | list) for text in texts):
        raise RequestError(
            "input is a list of tokens; each model has tokens of its own.",
            hint="Send the text itself.",
            param="input",
        )
    for place, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip() or not _is_unicode(text):
            raise RequestError(f"input[{place}] must be text, and not empty.", param="input")
        if len(text) > _LONGEST_TEXT:
            raise RequestError(
                f"input[{place}] has {len(text)} characters; at most {_LONGEST_TEXT} are taken.",
                hint="Cut it into passages.",
                param="input",
            )
    if sum(len(text) for text in texts) > _MOST_CHARACTERS:
        raise RequestError(
            f"All texts together have more than {_MOST_CHARACTERS} characters.",
            hint="Send fewer at a time.",
            param="input",
        )
    return tuple(texts)


def _is_unicode(text: str) -> bool:
    """JSON can write half of a pair of surrogates, which is no character."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def _dimensions_error(own: int) -> RequestError:
    return RequestError(
        f"This model's vectors have {own} numbers.",
        hint="Leave dimensions out: cut short, they would find less, and nobody would see why.",
        param="dimensions",
    )
