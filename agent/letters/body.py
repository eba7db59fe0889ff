"""The body of a mail: its text and its files.

Owns: walking the MIME tree, choosing among alternatives, charsets, `format=flowed`, file names, and the limits on all of them.
Does not know: which part of the text is new, nor who wrote it.
"""

from __future__ import annotations

import contextlib
import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any

from agent.letters import headers, markup
from agent.letters.headers import Mail
from agent.message import Attachment

LONGEST_TEXT = 200_000  # characters
_MOST_READ = (
    400_000  # characters of all plain text parts together that are worked on; the rest is quoted history
)
_DEEPEST = 20  # multiparts within multiparts
_MOST_PARTS = 200
_LONGEST_NAME = 120  # characters
_STUB = re.compile(
    r"\bhtml\b|view (this|the) (e-?)?(mail|message)|(nachricht|e-?mail) (wird )?nicht (richtig |korrekt )?(angezeigt|dargestellt)|unable to (view|display)"
    r"|does not support|im browser (ansehen|anzeigen|öffnen)",
    re.IGNORECASE,
)
_LONGEST_STUB = 250  # characters
_TEXTS = ("text/plain", "text/html", "text/markdown", "text/x-markdown", "text/enriched", "text/richtext")
_LARGEST_DECORATION = 30_000  # bytes of a picture in a signature


@dataclass(kw_only=True)
class Budget:
    """How much of one mail is still worked on, in characters, whatever part it stands in."""

    plain: int = _MOST_READ
    html: int = markup.LONGEST_HTML

    def cut(self, text: str, *, html: bool) -> str:
        """So much of the text as the budget still has, which is then spent."""
        if html:
            text = text[: self.html]
            self.html -= len(text)
        else:
            text = text[: self.plain]
            self.plain -= len(text)
        return text


@dataclass(kw_only=True)
class Body:
    """What a mail holds."""

    texts: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    parts: int = 0
    budget: Budget = field(default_factory=Budget)

    @property
    def text(self) -> str:
        """All its text, in the order of the mail."""
        return "\n\n".join(text.strip("\n") for text in self.texts if text.strip())[:LONGEST_TEXT]


def read(mail: Mail) -> Body:
    """The text and the files of a mail; never raises."""
    body = Body()
    _walk(mail, body, 0)
    return body


def _walk(part: Mail, body: Body, depth: int) -> None:
    body.parts += 1
    if body.parts > _MOST_PARTS or depth > _DEEPEST:
        return
    kind = part.get_content_type()
    if kind == "multipart/alternative":
        _choose(part, body, depth)
    elif kind == "multipart/related":
        _walk_related(part, body, depth)
    elif part.get_content_maintype() == "multipart":
        for child in _children(part):
            _walk(child, body, depth + 1)
    elif kind in _TEXTS and not _is_file(part, first=not body.texts):
        body.texts.append(_readable(part, body.budget))
    elif not _says_nothing(part, kind):
        body.attachments.append(_attachment(part, len(body.attachments) + 1))


def _choose(part: Mail, body: Body, depth: int) -> None:
    """Takes the plain text where there is one that says something, else the form that says most; files from every form."""
    forms: list[Body] = []
    for child in _children(part):
        form = Body(parts=body.parts, budget=body.budget)
        _walk(child, form, depth + 1)
        body.parts = form.parts
        if (
            child.get_content_maintype() != "text"
        ):  # a form that is no text, such as an invitation's, is no file
            body.attachments += form.attachments
        if child.get_content_type() == "text/plain" and not _is_stub(form.text):
            forms.insert(0, form)
        else:
            forms.append(form)
    speaking = [form for form in forms if not _is_stub(form.text)] or forms
    if speaking:
        body.texts.append(speaking[0].text)


def _walk_related(part: Mail, body: Body, depth: int) -> None:
    """The page is read; the pictures in it are not files that somebody sent."""
    for index, child in enumerate(_children(part)):
        inline = index and child.get_content_maintype() == "image" and not _is_declared_file(child)
        if not inline:
            _walk(child, body, depth + 1)


def _children(part: Mail) -> Iterator[Mail]:
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (child for child in payload if isinstance(child, Message))
    elif isinstance(payload, str) and payload.strip():
        broken: Mail = Message()  # a multipart without its boundary is read as the text that it is
        broken["Content-Type"] = "text/plain"
        broken.set_payload(payload)
        yield broken


def _is_file(part: Mail, *, first: bool) -> bool:
    if _is_declared_file(part):
        return True
    # Some programs give the body itself a name, but as a parameter of its type only.
    return bool(_name(part)) and (
        not first or part.get_param("filename", header="Content-Disposition") is not None
    )


def _says_nothing(part: Mail, kind: str) -> bool:
    """Whether a part is neither text nor a file that somebody sent: a signature's proof, or the logo in a signature."""
    if kind.startswith("application/") and "signature" in kind:
        return True
    is_inline = part.get_content_disposition() == "inline" or part.get("Content-ID") is not None
    is_picture = kind.startswith("image/") and not _is_declared_file(part)
    return is_picture and is_inline and len(_bytes(part)) <= _LARGEST_DECORATION


def _is_declared_file(part: Mail) -> bool:
    return part.get_content_disposition() == "attachment"


def _is_stub(text: str) -> bool:
    stripped = text.strip()
    return not stripped or (len(stripped) < _LONGEST_STUB and bool(_STUB.search(stripped)))


def _readable(part: Mail, budget: Budget) -> str:
    is_html = part.get_content_type() == "text/html"
    text = headers.clean(budget.cut(headers.text_of(_bytes(part), _charset(part)), html=is_html))
    if is_html:
        return headers.clean(markup.as_text(text))
    if _parameter(part, "format").lower() == "flowed":
        text = unflowed(text, delete_space=_parameter(part, "delsp").lower() == "yes")
    return text


def unflowed(text: str, *, delete_space: bool) -> str:
    """Text in `format=flowed` (RFC 3676) with its paragraphs as one line each.

    Args:
        text: The text with `\\n` as line ends.
        delete_space: Whether the space at a soft line end is part of no word (`delsp=yes`).
    """
    lines: list[list[str]] = []  # each in its pieces
    open_depth = -1  # quote depth of the paragraph that goes on, or -1
    for raw in text.split("\n"):
        depth = len(raw) - len(raw.lstrip(">"))
        line = raw[depth:].removeprefix(" ")
        soft = line.endswith(" ") and line != "-- "
        content = line[:-1] if soft and delete_space else line
        if open_depth == depth and line != "-- ":
            lines[-1].append(content)
        else:
            lines.append([f"{'>' * depth} {content}" if depth else content])
        open_depth = depth if soft else -1
    joined = ("".join(pieces) for pieces in lines)
    return "\n".join(line if line == "-- " else line.rstrip(" ") for line in joined)


def _attachment(part: Mail, number: int) -> Attachment:
    kind = part.get_content_type()
    suggested = mimetypes.guess_extension(kind) or ""
    if kind == "message/rfc822":
        suggested = ".eml"
    return Attachment(
        name=_name(part) or f"attachment-{number}{suggested}", media_type=kind, data=_bytes(part)
    )


def _bytes(part: Mail) -> bytes:
    with contextlib.suppress(Exception):  # such as a RecursionError of mails within mails
        payload = part.get_payload()
        if isinstance(payload, list):
            return payload[0].as_bytes() if payload and isinstance(payload[0], Message) else b""
        encoding = str(part.get("Content-Transfer-Encoding", ""))
        if encoding != (word := re.split(r"[\s;(]", encoding.strip(), maxsplit=1)[0]):
            part.replace_header("Content-Transfer-Encoding", word)  # Python wants the bare word
        data = part.get_payload(decode=True)
        return data if isinstance(data, bytes) else b""
    return b""


def _charset(part: Mail) -> str:
    with contextlib.suppress(LookupError, ValueError, TypeError):
        return str(part.get_content_charset() or "")
    return ""


def _parameter(part: Mail, name: str) -> str:
    with contextlib.suppress(LookupError, ValueError, TypeError):
        value = part.get_param(name)
        return value if isinstance(value, str) else ""
    return ""


def _name(part: Mail) -> str:
    """The file's name without any folder, or empty."""
    given = _given_name(part, "Content-Disposition", "filename") or _given_name(part, "Content-Type", "name")
    name = re.split(r"[/\\]", headers.decoded(given))[-1].strip(". ")
    if len(name) > _LONGEST_NAME:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[: _LONGEST_NAME - 10]}{dot}{ending[:9]}" if dot else name[:_LONGEST_NAME]
    return name


def _given_name(part: Mail, field_name: str, parameter: str) -> str:
    """A parameter as the sender meant it: raw 8-bit is read as such, and of two forms the one with a charset counts (RFC 2231)."""
    plain: Mail = Message()
    plain["Content-Type"] = headers.raw(part, field_name)
    with contextlib.suppress(LookupError, ValueError, TypeError):
        given: list[tuple[str, Any]] = plain.get_params([])
        found = [value for name, value in given if name.lower() == parameter]
        extended = [value for value in found if isinstance(value, tuple)]
        return collapse_rfc2231_value((extended or found or [""])[0])
    return ""
