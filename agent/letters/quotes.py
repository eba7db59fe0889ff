"""What a person newly wrote in a mail, apart from what their mail program put below it.

Owns: recognising signatures, quoted history, and forwarded mails, in the languages of common mail programs.
Does not know: MIME or headers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

_SIGNATURE = re.compile(r"--\s?")
_LONGEST_SIGNATURE = 15  # lines
_LONGEST_ATTRIBUTION = 3  # lines
_LONGEST_JOINED = 400  # characters
_FARTHEST_QUOTE = 5  # lines below its attribution

# "On Monday, Anna wrote:" in English, German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Danish, Norwegian, Finnish,
# Polish, Czech, Russian, Chinese.
_ATTRIBUTION = re.compile(
    r"(on\b.+\bwrote|am\b.+\bschrieb\b.*|.+\bschrieb\b.*|le\b.+\ba écrit|el\b.+\bescribió|il\b.+\bha scritto|em\b.+\bescreveu"
    r"|op\b.+\bschreef\b.*|den\b.+\bskrev\b.*|.+\bskrev\b.*|.+\bkirjoitti|.+\bpisze|.+\bnapisał\(?a?\)?|.+\bnapsala?\(?a?\)?"
    r"|.+\bнаписала?\(?а?\)?|.+写道)\s?[:\uff1a]",  # noqa: RUF001 - Russian is no misspelled Latin
    re.IGNORECASE | re.DOTALL,
)
_ORIGINAL = re.compile(
    r"-{2,}\s*(original message|original-nachricht|ursprüngliche nachricht|message d.origine|mensaje original"
    r"|messaggio originale|mensagem original|oorspronkelijk bericht|ursprungligt meddelande|oprindelig meddelelse"
    r"|opprinnelig melding|alkuperäinen viesti|wiadomość oryginalna|původní zpráva|исходное сообщение)\s*-{2,}",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"(-{2,}\s*(forwarded message|weitergeleitete nachricht|message transféré|mensaje reenviado|messaggio inoltrato"
    r"|mensagem encaminhada|doorgestuurd bericht|vidarebefordrat meddelande|videresendt meddelelse|przekazana wiadomość)\s*-{2,}"
    r"|(begin forwarded message|anfang der weitergeleiteten nachricht|début du message réexpédié"
    r"|inicio del mensaje reenviado|inizio messaggio inoltrato|vidarebefordrat brev)\s?:)",
    re.IGNORECASE,
)
_HEADERS = (  # the first three lines of the block that Outlook puts above the mail it answers
    re.compile(r"\W*(from|von|de|da|van|från|fra|lähettäjä|od|от)\W{0,3}:", re.IGNORECASE),
    re.compile(
        r"\W*(sent|date|gesendet|datum|envoyé|date|enviado|fecha|inviato|data|verzonden|skickat|sendt|lähetetty|wysłano|odesláno"
        r"|отправлено)\W{0,3}:",
        re.IGNORECASE,
    ),
)
_FROM_A_PHONE = re.compile(
    r"(sent from my|sent from outlook|get outlook for|von meinem .{1,40} gesendet|gesendet mit|envoyé de mon|enviado desde mi"
    r"|inviato da|verzonden vanaf mijn|skickat från min|sendt fra min|outlook für)\b.{0,60}",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A mail's text, taken apart."""

    new: str  # what the sender wrote; the whole text where nothing else is left
    forwarded: str = ""  # somebody else's mail that they sent on


def apart(text: str) -> Parts:
    """Takes a mail's text apart.

    Args:
        text: The text with `\\n` as line ends.
    """
    own, forwarded = _cut_forwarded(text.split("\n"))
    new = _tidy(_without_phone(_without_signature(_without_quotes(_until_history(own)))))
    if new:
        return Parts(new=new, forwarded=_tidy(forwarded))
    return Parts(new=_tidy(_without_signature(text.split("\n"))) or text.strip())


def _cut_forwarded(lines: list[str]) -> tuple[list[str], list[str]]:
    for index, line in enumerate(lines):
        if _FORWARDED.match(line.strip().lstrip("> ")):
            return lines[:index], lines[index:]
    return lines, []


def _until_history(lines: list[str]) -> list[str]:
    for index, line in enumerate(lines):
        if _ORIGINAL.match(line.strip()) or _is_header_block(lines, index):
            return _without_rule(lines[:index])
        length = _attribution(lines, index)
        if length and not _quote_follows(lines, index + length) and _has_time(lines[index : index + length]):
            return lines[:index]
    return lines


def _without_quotes(lines: list[str]) -> list[str]:
    kept: list[str] = []
    index = 0
    while index < len(lines):
        length = _attribution(lines, index)
        if length and _quote_follows(lines, index + length):
            index += length
        elif lines[index].startswith(">"):
            index += 1
        else:
            kept.append(lines[index])
            index += 1
    return kept


def _without_signature(lines: list[str]) -> list[str]:
    for index, line in enumerate(lines):
        is_short = len(lines) - index <= _LONGEST_SIGNATURE
        if _SIGNATURE.fullmatch(line) and (line == "-- " or is_short):
            return lines[:index]
    return lines


def _without_phone(lines: list[str]) -> list[str]:
    kept = list(lines)
    while kept and (not kept[-1].strip() or _FROM_A_PHONE.fullmatch(kept[-1].strip())):
        kept.pop()
    return kept


def _without_rule(lines: list[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[-1].strip("_-=* \t"):
        kept.pop()
    return kept


def _attribution(lines: list[str], index: int) -> int:
    """How many lines the attribution takes that begins here; 0 if none does."""
    if not lines[index].strip() or lines[index].startswith(">"):
        return 0
    for length in range(1, _LONGEST_ATTRIBUTION + 1):
        last = index + length - 1
        if (
            last >= len(lines)
            or not lines[last].strip()
            or (length > 1 and _is_attribution(lines[index + 1 : last + 1]))
        ):
            return 0
        if _is_attribution(lines[index : last + 1]):
            return length
    return 0


def _is_attribution(lines: list[str]) -> bool:
    if not lines[-1].rstrip().endswith((":", "\uff1a")):
        return False
    joined = " ".join(line.strip() for line in lines)
    if len(joined) > _LONGEST_JOINED:
        return False
    return bool(_ATTRIBUTION.fullmatch(joined) and re.search(r"\d|@", joined))


def _quote_follows(lines: list[str], index: int) -> bool:
    following = next((line for line in islice(lines, index, index + _FARTHEST_QUOTE) if line.strip()), "")
    return following.startswith(">")


def _has_time(lines: list[str]) -> bool:
    return bool(re.search(r"\d\d?[:.h]\d\d|@", " ".join(lines)))


def _is_header_block(lines: list[str], index: int) -> bool:
    if not _HEADERS[0].match(lines[index]):
        return False
    return any(_HEADERS[1].match(line) for line in lines[index + 1 : index + 4])


def _tidy(lines: list[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip()
