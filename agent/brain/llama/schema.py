"""A JSON Schema from outside, made such that the library's converter can take it: bounded, and in the words it knows. Pure.

Owns: the bounds, and what is rewritten.
Does not know: grammars.

The converter writes a repetition out in full, nested, so that a bound of a hundred thousand characters overflows the stack of the
parser behind it. Upper bounds that are too large are therefore left out (the answer's own length bounds it), lower ones refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.errors import RequestError

_DEEPEST = 24
_MOST_PARTS = 2_000
_MOST_REPEATED = 300  # characters or items
_LONGEST_PATTERN = 200
_LONGEST_NUMBER = 3  # digits in a pattern's braces
_ANY = {"type": ["object", "array", "string", "number", "boolean", "null"]}
_MAPS = ("properties", "$defs", "definitions")  # name -> schema
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SAYING = {
    "type", "properties", "required", "additionalProperties", "items", "prefixItems", "anyOf", "oneOf", "allOf", "const", "enum", "pattern",
    "format", "minLength", "maxLength", "minItems", "maxItems",
}  # fmt: skip


class Rewriting:
    """Rewrites the schemas of one request; what they define is gathered under names of its own."""

    def __init__(self, param: str) -> None:
        """Begins with nothing defined.

        Args:
            param: The field of the request, for the words of errors.
        """
        self.definitions: dict[str, Any] = {}
        self._param = param
        self._parts = 0

    def take(self, schema: Any, prefix: str) -> dict[str, Any]:
        """The schema as the converter takes it; its definitions are in `definitions`.

        Args:
            schema: As it came.
            prefix: Put before the names of its definitions, which must not meet those of others or of the converter.

        Raises:
            RequestError: It is none, too large, or says what cannot be kept.
        """
        return self._rewritten(schema, prefix, 0)

    def _rewritten(self, schema: Any, prefix: str, depth: int) -> dict[str, Any]:
        self._parts += 1
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            raise self._refusal(f"it has more than {_MOST_PARTS} parts or {_DEEPEST} levels")
        if schema is True:
            return dict(_ANY)
        if not isinstance(schema, Mapping):
            raise self._refusal("each part must be an object or true")
        if "$ref" in schema:
            reference = {"$ref": self._reference(schema["$ref"], prefix)}
            self._define(schema, prefix, depth)
            return reference
        self._define(schema, prefix, depth)
        kept = {
            key: self._value(key, value, prefix, depth) for key, value in schema.items() if key in _SAYING
        }
        return self._bounded(kept) or dict(_ANY)

    def _value(self, key: str, value: Any, prefix: str, depth: int) -> Any:
        if key in _MAPS and isinstance(value, Mapping):
            return {name: self._rewritten(part, prefix, depth + 1) for name, part in value.items()}
        if (key in _LISTS or key == "items") and isinstance(value, list):
            return [self._rewritten(part, prefix, depth + 1) for part in value]
        if key == "items" or (key == "additionalProperties" and not isinstance(value, bool)):
            return self._rewritten(value, prefix, depth + 1)
        if key in (*_MAPS, *_LISTS):
            raise self._refusal(f"{key} has the wrong form")
        return value

    def _define(self, schema: Mapping[str, Any], prefix: str, depth: int) -> None:
        for key in ("$defs", "definitions"):
            found = schema.get(key)
            if isinstance(found, Mapping):
                for name, part in found.items():
                    self.definitions[f"{prefix}{name}"] = self._rewritten(part, prefix, depth + 1)

    def _reference(self, reference: Any, prefix: str) -> str:
        for begin in ("#/$defs/", "#/definitions/"):
            if (
                isinstance(reference, str)
                and reference.startswith(begin)
                and "/" not in reference[len(begin) :]
            ):
                return f"#/$defs/{prefix}{reference[len(begin) :]}"
        raise self._refusal(f"only references into $defs are understood, not {str(reference)[:60]!r}")

    def _bounded(self, schema: dict[str, Any]) -> dict[str, Any]:
        for key in ("minLength", "minItems", "maxLength", "maxItems"):
            bound = schema.get(key)
            if bound is None:
                continue
            if not isinstance(bound, int) or isinstance(bound, bool) or bound < 0:
                raise self._refusal(f"{key} must be a whole number")
            if bound > _MOST_REPEATED:
                if key.startswith("min"):
                    raise self._refusal(f"{key} may be {_MOST_REPEATED} at most")
                del schema[key]
        pattern = schema.get("pattern")
        if pattern is not None and (not isinstance(pattern, str) or not _is_small(pattern)):
            raise self._refusal(
                f"a pattern may have {_LONGEST_PATTERN} characters and repeat {_MOST_REPEATED} times at most"
            )
        return schema

    def _refusal(self, why: str) -> RequestError:
        return RequestError(
            f"This schema is not understood: {why}.", hint="Make it simpler.", param=self._param
        )


def _is_small(pattern: str) -> bool:
    digits = "".join(character if character.isdigit() else " " for character in pattern).split()
    return len(pattern) <= _LONGEST_PATTERN and all(
        len(number) <= _LONGEST_NUMBER and int(number) <= _MOST_REPEATED for number in digits
    )
