"""What a person newly wrote in a mail, apart from what their mail program put around it.

Owns: taking a text apart into what is new, quoted history, a forwarded mail, signatures and servers' notices.
Does not know: the words of any language (`phrases`), MIME or headers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from agent.letters import phrases

_SIGNATURE = re.compile(r"--\s?")
_LONGEST_SIGNATURE = 15  # lines
_LONGEST_ATTRIBUTION = 4  # lines
_LONGEST_JOINED = 400  # characters
_FARTHEST_QUOTE = 5  # lines below its attribution
_LONGEST_BLOCK = 8  # lines of a header block that are looked at
_MOST_LINES = 4_000  # in which a mail program's words are looked for
_MOST_NOTICES = 6  # paragraphs


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A mail's text, taken apart."""

    new: str  # what the sender wrote; the whole text where nothing else is left
    forwarded: str = ""  # somebody else's mail that they sent on


def apart(text: str, *, subject: str = "") -> Parts:
    """Takes a mail's text apart.

    Args:
        text: The text with `\\n` as line ends.
        subject: The mail's subject, which tells a forwarded mail from an answered one where their texts look alike.
    """
    lines = _without_banner(text.split("\n"))
    own, forwarded = _cut_forwarded(lines)
    own, history = _until_history(own)
    if history and not forwarded and phrases.is_forward_subject(subject):
        forwarded = history
    new = _tidy(_without_closing(_without_quotes(own)))
    if new:
        return Parts(new=new, forwarded=_tidy(_unquoted(forwarded)))
    whole = _unquoted(lines)
    return Parts(new=_tidy(_without_closing(whole)) or _tidy(whole) or text.strip())


def _cut_forwarded(lines: list[str]) -> tuple[list[str], list[str]]:
    for index, line in enumerate(lines[:_MOST_LINES]):
        if phrases.is_forwarded(line.strip().lstrip("> ")):
            return lines[:index], lines[index:]
    return lines, []


def _until_history(lines: list[str]) -> tuple[list[str], list[str]]:
    """What stands above the history that is not marked by `>`, and that history."""
    for index, line in enumerate(lines[:_MOST_LINES]):
        if not line.strip() or line.startswith(">"):
            continue
        if phrases.is_original(line) or _is_header_block(lines, index):
            return _without_rule(lines[:index]), lines[index:]
        length = _attribution(lines, index)
        if length and not _quote_follows(lines, index + length):
            is_dated = phrases.is_dated(" ".join(lines[index : index + length]))
            if is_dated and any(line.strip() for line in lines[index + length :]):
                return lines[:index], lines[index:]
    return lines, []


def _without_quotes(lines: list[str]) -> list[str]:
    kept: list[str] = []
    index = 0
    while index < len(lines):
        length = _attribution(lines, index)
        if length and (_quote_follows(lines, index + length) or not any(lines[index + length :])):
            index += length
        elif lines[index].startswith(">"):
            index += 1
        else:
            kept.append(lines[index])
            index += 1
    return kept


def _without_closing(lines: list[str]) -> list[str]:
    """Without what stands below the last words: a signature, a phone's advertisement, a server's notice."""
    return _without_phone(_without_notices(_without_phone(_without_signature(lines))))


def _without_signature(lines: list[str]) -> list[str]:
    for index, line in enumerate(lines):
        is_short = len(lines) - index <= _LONGEST_SIGNATURE
        if _SIGNATURE.fullmatch(line) and (line == "-- " or is_short):
            return lines[:index]
    return lines


def _without_phone(lines: list[str]) -> list[str]:
    kept = list(lines)
    while kept and (not kept[-1].strip() or phrases.is_from_a_phone(kept[-1])):
        kept.pop()
    return kept


def _without_notices(lines: list[str]) -> list[str]:
    kept = _without_rule(lines)
    for _ in range(_MOST_NOTICES):
        start = next((index + 1 for index in range(len(kept) - 1, -1, -1) if not kept[index].strip()), 0)
        if not kept or not phrases.is_notice(" ".join(kept[start:])):
            return kept
        kept = _without_rule(kept[:start])
    return kept


def _without_banner(lines: list[str]) -> list[str]:
    """Without the warning that a company's server puts above a mail from outside."""
    start = next((index for index, line in enumerate(lines) if line.strip()), 0)
    end = next((index for index in range(start, len(lines)) if not lines[index].strip()), len(lines))
    return lines[end:] if end < len(lines) and phrases.is_banner(" ".join(lines[start:end])) else lines


def _without_rule(lines: list[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[-1].strip("_-=*~\u2014\u2013\u2500 \t"):
        kept.pop()
    return kept


def _unquoted(lines: list[str]) -> list[str]:
    """The lines of a forwarded mail without the `>` that they bear where a page marked them as a quote."""
    first = next((line for line in lines if line.strip()), "")
    if phrases.is_forwarded(first.lstrip("> ")):
        return [line.removeprefix(">").removeprefix(" ") if line.startswith(">") else line for line in lines]
    return lines


def _attribution(lines: list[str], index: int) -> int:
    """How many lines the attribution takes that begins here; 0 if none does."""
    if index >= _MOST_LINES or not lines[index].strip() or lines[index].startswith(">"):
        return 0
    joined = below = ""
    for last in range(index, min(index + _LONGEST_ATTRIBUTION, len(lines))):
        line = lines[last].strip()
        if not line or line.startswith(">"):
            break
        if last > index:
            below = f"{below} {line}".strip()
            is_sentence = joined.endswith((".", "!", "?"))
            is_whole = phrases.is_attribution(below) and (is_sentence or phrases.is_dated(below))
            if is_whole or (is_sentence and phrases.is_short_attribution(below)):
                break  # it begins below
        joined = f"{joined} {line}".strip()
        if len(joined) > _LONGEST_JOINED:
            break
        if phrases.is_attribution(joined):
            return last - index + 1
    is_short = phrases.is_short_attribution(lines[index]) and _quote_follows(lines, index + 1)
    return int(is_short)


def _quote_follows(lines: list[str], index: int) -> bool:
    following = next((line for line in islice(lines, index, index + _FARTHEST_QUOTE) if line.strip()), "")
    return following.startswith(">")


def _is_header_block(lines: list[str], index: int) -> bool:
    """Whether the block begins here that Outlook and others put above the mail they answer or send on.

    "From: Berlin" in somebody's own words is none: with a sender there must stand when it was sent, or a date and a subject.
    """
    role, value = phrases.label(lines[index])
    if role not in ("from", "sent", "dated", "subject", "to"):
        return False
    found, is_mail = {role}, "@" in value
    for line in lines[index + 1 : index + _LONGEST_BLOCK]:
        role, value = phrases.label(line)
        if not role:
            if line.strip() and len(found) > 1:
                continue  # a long field's second line
            break
        found.add(role)
        is_mail = is_mail or "@" in value
    if "from" not in found:
        return False
    return "sent" in found or {"dated", "subject"} <= found or (is_mail and len(found) >= 3)


def _tidy(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip()
