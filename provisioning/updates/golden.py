"""The house's own golden questions: real answers that an owner found good, and that a new model must match.

Owns: keeping them (at most MOST, in `updates/golden.json`), the prompt made of one, and judging an answer to it.
Does not know: models, nor who asks them.

A model's words differ from another's, so an answer is not compared as a whole: it must say something sound, and hold the words on which
the kept answer rests. Those are proposed from the numbers and names that it took from the house's documents; the owner may change them.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent import durable
from agent.errors import ConflictError, NotFoundError, RequestError, TooLargeError
from agent.models.shelf import writing

MOST = 20
MOST_WORDS = 10  # that an answer must hold
_FILE = ("updates", "golden.json")
_LONGEST_QUESTION = 4_000  # characters
_LONGEST_ANSWER = 20_000
_LONGEST_PASSAGE = 4_000
_MOST_PASSAGES = 8
_LONGEST_WORD = 60
_SHOWN = 80  # characters of a question in a sentence
_PROPOSED = 3
_WORD = re.compile(r"[^\W_]+(?:[.:,'\u2019-][^\W_]+)*")
_NAME_LETTERS = 3  # fewer are mostly the beginning of a sentence
_FEWEST_TO_REPEAT = 20  # words; a shorter answer may well say a word twice
_MOST_OF_ONE = 0.4  # share of one word in a sound text
_RUN = 6  # words that come again and again
_MOST_RUNS = 3
_LETTERS = 0.5  # share of letters, digits and blanks in a sound text


@dataclass(frozen=True, kw_only=True)
class Golden:
    """One question with the answer that was good."""

    id: str
    question: str
    passages: tuple[str, ...]  # what the house knew about it, as the answer had it before it
    answer: str
    must: tuple[str, ...]  # words that every good answer holds
    kept_at: float  # seconds since 1970

    def to_json(self) -> dict[str, Any]:
        """The question as JSON's own types."""
        return asdict(self) | {"passages": list(self.passages), "must": list(self.must)}


class Questions:
    """The golden questions of one house. Safe to use from several threads of one process."""

    def __init__(self, models_folder: Path) -> None:
        """Uses the folder; nothing need be there yet."""
        self._path = models_folder.joinpath(*_FILE)
        self._lock = threading.Lock()

    def all(self) -> list[Golden]:
        """All of them, the oldest first; none where the file is torn, which harms nobody but the next trial's strictness."""
        content = durable.read_sealed(self._path) or {}
        rows = content.get("questions")
        found = [_read(row) for row in rows] if isinstance(rows, list) else []
        return [one for one in found if one][:MOST]

    def keep(
        self,
        question: str,
        answer: str,
        *,
        passages: Sequence[str] = (),
        must: Sequence[str] | None = None,
    ) -> Golden:
        """Keeps a question; the same one again takes the place of the first.

        Args:
            question: As it was asked.
            answer: The answer that was good.
            passages: What the house knew about it.
            must: Words that a good answer holds; None: those that are proposed.

        Raises:
            RequestError: Something is missing, too long, or the answer itself does not hold the words.
            ConflictError: There are MOST already.
            StorageError: The disk is full.
        """
        made = _made(question, answer, passages, must)
        wrong = judge(made, made.answer)
        if wrong:
            raise RequestError(f"This answer would not pass itself. {wrong}", param="must")
        with self._lock, writing():
            others = [one for one in self.all() if one.id != made.id]
            if len(others) >= MOST:
                raise ConflictError(
                    f"There are {MOST} test questions already.",
                    hint="Take one away on the page Updates first.",
                )
            self._write([*others, made])
        return made

    def remove(self, identity: str) -> None:
        """Takes a question away.

        Raises:
            NotFoundError: There is none.
            StorageError: The disk is full.
        """
        with self._lock, writing():
            before = self.all()
            left = [one for one in before if one.id != identity]
            if len(left) == len(before):
                raise NotFoundError("There is no such test question.")
            self._write(left)

    def _write(self, questions: Sequence[Golden]) -> None:
        durable.write_sealed(self._path, {"questions": [one.to_json() for one in questions]})


def prompt(one: Golden) -> str:
    """What a model is asked: the question, with what the house knew about it before it."""
    notes = "\n".join(f"[{number}] {text}" for number, text in enumerate(one.passages, 1))
    return f"Notes from the house:\n{notes}\n\nQuestion: {one.question}" if notes else one.question


def judge(one: Golden, answer: str) -> str:
    """Why an answer does not pass, one plain sentence; empty if it does."""
    asked = " ".join(one.question.split())
    asked = f"To “{asked[:_SHOWN]}{'…' if len(asked) > _SHOWN else ''}”"
    if not answer.strip():
        return f"{asked} there came no answer."
    if _is_garbage(answer):
        return f"{asked} there came no sensible answer."
    plain = _plain(answer)
    missing = [word for word in one.must if not _holds(plain, word)]
    if missing:
        return f"{asked} the answer lacks “{missing[0]}”."
    return ""


def proposed(question: str, answer: str, passages: Sequence[str]) -> tuple[str, ...]:
    """The words of an answer on which it rests: numbers and names out of the passages that the question does not hold already."""
    asked, known = _plain(question), _plain(" ".join(passages))
    found: dict[str, int] = {}
    for word in _WORD.findall(answer):
        plain = _plain(word).strip()
        if plain in asked or plain not in known or len(word) > _LONGEST_WORD:
            continue
        if any(letter.isdigit() for letter in word):
            found.setdefault(word, 0)
        elif word[0].isupper() and len(word) > _NAME_LETTERS and word in " ".join(passages):
            found.setdefault(word, 1)
    return tuple(sorted(found, key=lambda word: found[word])[:_PROPOSED])


def _made(question: str, answer: str, passages: Sequence[str], must: Sequence[str] | None) -> Golden:
    question, answer = question.strip(), answer.strip()
    if not question or not answer:
        raise RequestError("A test question needs a question and an answer.")
    if len(question) > _LONGEST_QUESTION or len(answer) > _LONGEST_ANSWER:
        raise TooLargeError("That is too long for a test question.")
    kept = tuple(text.strip()[:_LONGEST_PASSAGE] for text in passages if text.strip())[:_MOST_PASSAGES]
    words = proposed(question, answer, kept) if must is None else tuple(word.strip() for word in must)
    words = tuple(dict.fromkeys(word for word in words if word))
    if len(words) > MOST_WORDS or any(len(word) > _LONGEST_WORD for word in words):
        raise TooLargeError(f"At most {MOST_WORDS} words of {_LONGEST_WORD} letters.", param="must")
    return Golden(
        id=hashlib.sha256(question.encode()).hexdigest()[:16],
        question=question,
        passages=kept,
        answer=answer,
        must=words,
        kept_at=time.time(),
    )


def _read(row: Any) -> Golden | None:
    try:
        return Golden(
            id=str(row["id"]),
            question=str(row["question"]),
            passages=tuple(str(text) for text in row["passages"]),
            answer=str(row["answer"]),
            must=tuple(str(word) for word in row["must"]),
            kept_at=float(row["kept_at"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _is_garbage(answer: str) -> bool:
    readable = sum(letter.isalnum() or letter.isspace() for letter in answer)
    if readable < _LETTERS * len(answer):
        return True
    words = _plain(answer).split()
    if len(words) < _FEWEST_TO_REPEAT:
        return False
    runs = Counter(zip(*(words[start:] for start in range(_RUN)), strict=False))
    return (
        max(Counter(words).values()) > _MOST_OF_ONE * len(words) or max(runs.values(), default=0) > _MOST_RUNS
    )


def _holds(plain: str, word: str) -> bool:
    # Scripts without blanks between words have none around this one either.
    return _plain(word) in plain or (not word.isascii() and _plain(word).strip() in plain)


def _plain(text: str) -> str:
    """The text with each word between blanks, whatever its case and its points."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return f" {' '.join(words)} "
