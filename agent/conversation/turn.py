"""One turn: what a message asks for, what the brain is asked, and how its answer becomes a reply. Pure: no I/O, no clock.

Owns: reading the wish (help, status, search, keep, a question), the prompt and its budget, which passages an answer rests on,
and the words around it.
Does not know: databases, HTTP, or how long anything takes.

What never changes stands first in the prompt, so that the brain can keep its computed state (rule 6).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.message import SOURCES_HEADING, Message, Passage

SYSTEM = (
    "You are Nisse, the assistant of this household. You run on a small computer in the home. "
    "Answer the question briefly and plainly, in the language of the question. "
    "If notes from the house are given, take the answer from them. "
    "If they do not say, say that you do not know."
)

# The first prompt must stay under 2,000 tokens on a small box; a token is about 4 characters of prose, often 3.
QUESTION_CHARACTERS = 6_000
NOTES_CHARACTERS = 3_600
HISTORY_CHARACTERS = 2_400

_KEEP = re.compile(r"(?:keep|\+\+)(?=$|[\s:,.!])[\s:,.!]*", re.IGNORECASE)
_SEARCH = re.compile(r"search\s+(?=\S)", re.IGNORECASE)
_WORD = re.compile(r"\w{3,}")
_CITATION = re.compile(r" ?\[(\d{1,2})\]")
_FEWEST_SHARED_WORDS = 2
_EXCERPT_CHARACTERS = 140
_ABOUT_FILES = "What does this file say, in short?"  # asks who sends nothing but a file
_CUT = "\n[…]\n"  # where something was left out; the model sees it


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a message asks for."""

    kind: str  # help, status, search, keep or question
    text: str  # what is left to work on: the question, the words to search, the note to keep
    cut_from: int = 0  # characters the text had before it was cut; 0 if it is whole


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """An earlier turn of the thread."""

    question: str
    answer: str
    today: str = ""  # the date of the question in words


def wish(message: Message) -> Wish:
    """What this message asks for; a question, unless it says one of the house's few words."""
    text = message.text.strip()
    for line in (message.subject.strip(), text):
        if _KEEP.match(line):
            return Wish(kind="keep", text=_KEEP.sub("", text, count=1))
    word = text.rstrip("?!. ").lower()
    if word in ("help", "status"):
        return Wish(kind=word, text=text)
    if _SEARCH.match(text):
        return Wish(kind="search", text=_SEARCH.sub("", text, count=1)[:QUESTION_CHARACTERS])
    if len(text) > QUESTION_CHARACTERS:
        return Wish(kind="question", text=text[:QUESTION_CHARACTERS], cut_from=len(text))
    return Wish(kind="question", text=text or message.subject.strip())


def prompt(
    question: str,
    *,
    name: str,
    today: str,
    passages: Sequence[Passage],
    history: Sequence[Exchange],
    files: str = "",
) -> list[dict[str, str]]:
    """The messages for the brain, in OpenAI's form: instructions, as much of the thread as fits, notes and question.

    Args:
        question: What is asked.
        name: Who asks.
        today: The date in words.
        passages: What recall found, best first.
        history: Earlier turns of the thread, oldest first.
        files: What the files say that came with the question.
    """
    turns: list[dict[str, str]] = []
    for exchange in _last_that_fit(history):
        # In the words in which it was asked: the brain goes on from what it has computed, as far as that is the same.
        said = f"{_asks(name, exchange.today)}\n\n{exchange.question}"
        turns.append({"role": "user", "content": said})
        turns.append({"role": "assistant", "content": exchange.answer})
    notes = _notes(passages)
    question = question or (_ABOUT_FILES if files else "")
    asked = f"Question: {question}" if notes or files else question
    content = "\n\n".join(part for part in (_asks(name, today), notes, files, asked) if part)
    return [{"role": "system", "content": SYSTEM}, *turns, {"role": "user", "content": content}]


def sources(answer: str, passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """The passages an answer rests on: those it cites, else those whose words it uses, best first; one a page."""
    cited = {int(number) - 1 for number in _CITATION.findall(answer)}
    used = [passage for index, passage in enumerate(passages) if index in cited]
    if not used:
        words = _words(answer)
        shared = {id(passage): len(words & _words(passage.text)) for passage in passages}
        most = max(shared.values(), default=0)
        fewest = max(_FEWEST_SHARED_WORDS, most / 2)
        used = [passage for passage in passages if shared[id(passage)] >= fewest]
    pages: dict[tuple[str, int], Passage] = {}
    for passage in used:
        pages.setdefault((passage.document_id or passage.document, passage.page), passage)
    return tuple(pages.values())


def reply_text(answer: str, used: Sequence[Passage], *, wish_: Wish, remarks: Sequence[str]) -> str:
    """The reply as people read it: the answer, what must be said about it, and where it comes from."""
    parts = [_CITATION.sub("", answer).strip() if len(used) <= 1 else answer.strip()]
    if wish_.cut_from:
        parts.append(f"(I read the first {len(wish_.text):,} of your {wish_.cut_from:,} characters.)")
    parts += [f"({remark})" for remark in remarks]
    if used:
        lines = [
            f"[{number}] {place(passage)}: “{_excerpt(answer, passage)}”"
            for number, passage in enumerate(used, 1)
        ]
        parts.append(f"{SOURCES_HEADING}\n" + "\n".join(lines))
    return "\n\n".join(parts)


def found_text(words: str, passages: Sequence[Passage]) -> str:
    """The answer to a search: the passages themselves."""
    if not passages:
        return f"I found nothing about “{words}”."
    lines = [
        f"[{number}] {place(passage)}:\n{passage.text.strip()}" for number, passage in enumerate(passages, 1)
    ]
    return f"About “{words}” the house knows:\n\n" + "\n\n".join(lines)


def place(passage: Passage) -> str:
    """Where a passage stands, in words."""
    return f"{passage.document}, page {passage.page}" if passage.page else passage.document


HELP = """\
Write to me as you would to a person, and I answer.

- A question: I look into what the house taught me and into what we said before, then answer.
- keep: begin the subject (or your message) with the word keep, and I keep the attached files, or the text itself, \
for the whole household. I read text, Markdown and PDF.
- search WORDS: I show what I know about it, word for word.
- status: how I am.
- help: this page.

I run in your home. What you write here does not leave it."""


def _notes(passages: Sequence[Passage]) -> str:
    left = NOTES_CHARACTERS
    lines: list[str] = []
    for number, passage in enumerate(passages, 1):
        line = f"[{number}] {place(passage)}\n{passage.text.strip()}"
        if len(line) > left and lines:
            break
        lines.append(line[:left])
        left -= len(line)
    return "Notes from the house:\n" + "\n\n".join(lines) if lines else ""


def _asks(name: str, today: str) -> str:
    return f"({name} asks, {today}.)"


def _last_that_fit(history: Sequence[Exchange]) -> list[Exchange]:
    """The latest turns. When they grow too many, half of them go at once: if one went at each turn, every prompt would begin
    otherwise than the one before, and the brain would have to read all of it again. The newest stays in any case, shortened if need
    be: most of what people write next is about it."""
    kept: list[Exchange] = []
    size = 0
    for exchange in history:
        kept.append(exchange)
        size += _length(exchange)
        if size > HISTORY_CHARACTERS:
            while len(kept) > 1 and size > HISTORY_CHARACTERS // 2:
                size -= _length(kept.pop(0))
        if size > HISTORY_CHARACTERS:
            kept = [_shortened(exchange)]
            size = _length(kept[0])
    return kept


def _shortened(exchange: Exchange) -> Exchange:
    """One that fills the budget for the thread alone: each half of it may have half of the budget, and what the other leaves."""
    half = HISTORY_CHARACTERS // 2
    question = _without_middle(exchange.question, max(half, HISTORY_CHARACTERS - len(exchange.answer)))
    answer = _without_middle(exchange.answer, max(half, HISTORY_CHARACTERS - len(exchange.question)))
    return replace(exchange, question=question, answer=answer)


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    end = (most - len(_CUT)) // 2
    return text[: most - len(_CUT) - end] + _CUT + text[-end:]


def _length(exchange: Exchange) -> int:
    return len(exchange.question) + len(exchange.answer)


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(text)}


def _excerpt(answer: str, passage: Passage) -> str:
    words = _words(answer)
    sentences = re.split(r"(?<=[.!?])\s+|\n+", passage.text.strip())
    best = max(sentences, key=lambda sentence: len(words & _words(sentence)))
    return best if len(best) <= _EXCERPT_CHARACTERS else best[: _EXCERPT_CHARACTERS - 1].rstrip() + "…"
