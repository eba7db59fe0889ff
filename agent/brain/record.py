"""Answers as OpenAI's own client gives them: objects with attributes, which are dictionaries as well; and a stream of them.

Owns: the two ways of looking at one thing. Does not know: what the fields mean.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Self

# OpenAI's objects have these always; where ours have none, they are None there.
_OPTIONAL = frozenset(
    {"audio", "annotations", "content", "finish_reason", "function_call", "logprobs", "refusal", "role", "service_tier",
     "system_fingerprint", "tool_calls", "usage"}
)  # fmt: skip


class Record(dict[str, Any]):
    """A JSON object whose fields are attributes too."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        """Takes the object and all within it."""
        super().__init__({name: _wrapped(value) for name, value in content.items()})

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        if name in _OPTIONAL:
            return None
        raise AttributeError(f"There is no {name!r}; there are {', '.join(self)}.")

    def model_dump(self) -> dict[str, Any]:
        """As plain dictionaries and lists, of which nothing is shared with this one."""
        plain: dict[str, Any] = json.loads(self.model_dump_json())
        return plain

    def model_dump_json(self) -> str:
        """As JSON text."""
        return json.dumps(self, ensure_ascii=False)

    def __copy__(self) -> Record:
        return Record(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Record:
        return Record({name: copy.deepcopy(value, memo) for name, value in self.items()})


class Stream:
    """The pieces of an answer as they come. Whoever does not read it to its end closes it, so that its place is free."""

    def __init__(self, pieces: Iterator[Record], held: ExitStack) -> None:
        """Takes both.

        Args:
            pieces: What comes.
            held: Closed at the end, or when nobody reads on.
        """
        self._pieces = pieces
        self._held = held
        self._closed = False

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        if self._closed:
            raise StopIteration
        try:
            return next(self._pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Nobody reads on. Once more is harmless."""
        self._closed = True
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def _wrapped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Record(value)
    return [_wrapped(each) for each in value] if isinstance(value, list) else value
