"""A file of TXT records, as `nisse mail explain` takes them in place of the domain name system.

Owns: reading the lines of a zone file (`name [TTL] [IN] TXT "..." "..."`), or JSON with a text or a list for each name.
Does not know: what the records are for.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from agent.errors import RequestError
from agent.letters.records import Table

_LARGEST = 5_000_000  # bytes
_LINE = re.compile(
    r"(?P<name>\S*)\s+(?:\d+[smhdw]?\s+)?(?:(?:IN|CH)\s+)?(?:\d+[smhdw]?\s+)?TXT\s+(?P<text>.*)",
    re.IGNORECASE | re.DOTALL,
)
_PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)', re.DOTALL)


def read(path: Path) -> Table:
    """The records of a file.

    Raises:
        RequestError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST).decode("utf-8-sig", "replace")
    except OSError as failed:
        raise RequestError(f"{path} cannot be read: {failed.strerror}.", param="dns") from failed
    if text.lstrip().startswith("{"):
        return Table(_from_json(path, text))
    return Table(_from_lines(text))


def _from_json(path: Path, text: str) -> dict[str, list[str]]:
    try:
        content = json.loads(text)
    except ValueError as wrong:
        raise RequestError(f"{path} is no JSON: {wrong}.", param="dns") from wrong
    found = {}
    for name, value in content.items():
        found[name] = _records(value)
        if found[name] is None:
            raise RequestError(
                f"{path}: the record of {name!r} is neither text nor a list of texts.", param="dns"
            )
    return {name: records for name, records in found.items() if records is not None}


def _records(value: Any) -> list[str] | None:
    """The records of one name. A text that begins no record (`v=`) goes on with the one before: records are cut into pieces."""
    if isinstance(value, dict):
        value = value.get("TXT", value.get("txt"))
    if isinstance(value, str):
        return _records(_pieces(value) if value.lstrip().startswith('"') else [value])
    if not isinstance(value, list):
        return None
    found: list[str] = []
    for item in value:
        text = (
            "".join(item)
            if isinstance(item, list) and all(isinstance(piece, str) for piece in item)
            else item
        )
        if not isinstance(text, str):
            return None
        if found and isinstance(item, str) and not re.match(r"\s*v\s*=", text, re.IGNORECASE):
            found[-1] += text
        else:
            found.append(text)
    return found


def _from_lines(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    origin = before = ""
    for line in _logical(text):
        if line.upper().startswith("$ORIGIN"):
            origin = line.split()[1].rstrip(".") if len(line.split()) > 1 else ""
            continue
        if not (parts := _LINE.fullmatch(line)):
            continue
        before = name = _full(parts["name"], origin) if parts["name"] else before
        given = parts["text"].strip()
        # Some write the text without quotes, where a semicolon begins no comment.
        record = "".join(_pieces(given)) if given.startswith('"') else given
        found.setdefault(name, []).append(record)
    return found


def _full(name: str, origin: str) -> str:
    if name == "@":
        return origin
    return name.rstrip(".") if name.endswith(".") or not origin else f"{name}.{origin}"


def _logical(text: str) -> list[str]:
    """The lines without comments, those in parentheses joined."""
    lines: list[str] = []
    is_open = False
    for raw in text.splitlines():
        if not raw.strip() or raw.lstrip().startswith((";", "#")):
            continue
        line = raw
        # Where the text stands without quotes, neither a semicolon nor a bracket in it means anything.
        if '"' in raw or is_open or re.search(r"\sTXT\s*\(", raw, re.IGNORECASE):
            line = _outside_quotes(_without_comment(raw), "()")
        if is_open and lines:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line.rstrip())
        outside = re.sub(r'"(?:[^"\\]|\\.)*"?', "", _without_comment(raw))
        if line != raw and set("()") & set(outside):
            is_open = outside.rfind("(") > outside.rfind(")")
    return lines


def _without_comment(line: str) -> str:
    is_quoted = False
    for index, sign in enumerate(line):
        if sign == '"' and (index == 0 or line[index - 1] != "\\"):
            is_quoted = not is_quoted
        elif sign == ";" and not is_quoted:
            return line[:index]
    return line


def _outside_quotes(line: str, signs: str) -> str:
    pieces = re.split(r'("(?:[^"\\]|\\.)*")', line)
    return "".join(
        piece if piece.startswith('"') else piece.translate({ord(sign): " " for sign in signs})
        for piece in pieces
    )


def _pieces(text: str) -> list[str]:
    return [
        re.sub(r"\\(.)", r"\1", quoted) if quoted or not plain else plain
        for quoted, plain in _PIECE.findall(text)
    ]
