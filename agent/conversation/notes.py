"""Notes: who writes by mail is told once if the answer will take long.

Owns: which messages get a note, how long the answer will take by what the brain says of itself, and the note's words.
Does not know: how a note is kept and sent (`outbox`: exactly once, like any reply).

A note is nothing that was asked for, so it goes to nobody but the one who sent the mail (RFC 3834 calls that a personal responder).
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent import logs
from agent.conversation.outbox import Outbox
from agent.conversation.people import comparable
from agent.conversation.thinking import Thinking
from agent.errors import NisseError
from agent.message import Message
from agent.store import Store

_log = logging.getLogger(__name__)

_LOOK_S = 10.0
_MOST_AT_ONCE = 50
_PROMPT_TOKENS = 1_500  # instructions, notes of the house and question together, at most times
_NOT_WORTH_IT_S = 60.0  # an answer that comes so soon is quicker than a note about it
_ROUNDED_TO_S = 300.0
_WAITING = """
    SELECT id, person, body, received_at,
        (SELECT count(*) FROM inbox AS earlier WHERE state IN ('received', 'claimed') AND thinks = 1
            AND (earlier.received_at, earlier.rowid) < (waiting.received_at, waiting.rowid)) AS ahead
    FROM inbox AS waiting
    WHERE state IN ('received', 'claimed') AND thinks = 1 AND interactive = 0 AND person IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM notes JOIN inbox AS told ON told.id = notes.message
        WHERE told.person = waiting.person AND told.state IN ('received', 'claimed'))
    ORDER BY received_at, rowid LIMIT ?
"""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A message that waits for its answer, of somebody who has no note about another one."""

    message: Message
    person: str
    received_at: float
    ahead: int  # messages that are answered before it


class Notes:
    """Looks now and then whether somebody has to be told."""

    def __init__(
        self, store: Store, outbox: Outbox, thinking: Thinking, *, after: float, longest_answer: int
    ) -> None:
        """Puts the parts together.

        Args:
            store: The database.
            outbox: Where notes are kept.
            thinking: Asks the brain how it is.
            after: Seconds from a mail's arrival to its answer that need no note; 0: no notes at all.
            longest_answer: In tokens.
        """
        self._store = store
        self._outbox = outbox
        self._thinking = thinking
        self._after = after
        self._longest_answer = longest_answer

    def start(self) -> None:
        """Begins to look."""
        if self._after:
            threading.Thread(target=self._run, name="notes", daemon=True).start()

    def write_due(self, now: float) -> int:
        """Writes the notes that are due. Returns how many those were."""
        waiting = self._waiting()
        info = self._thinking.brain_info() if waiting else {}
        told: set[str] = set()
        for each in waiting:
            seconds = expected(info, ahead=each.ahead, longest_answer=self._longest_answer)
            if (
                each.person in told
                or not may_be_told(each.message)
                or not is_due(now - each.received_at, seconds, self._after)
            ):
                continue
            if self._outbox.note(each.message, each.person, words(now, seconds)):
                logs.event(_log, "message.noted", id=each.message.id, ahead=each.ahead, seconds=seconds)
                told.add(each.person)
        return len(told)

    def _waiting(self) -> list[Waiting]:
        with self._store.reading() as db:
            rows = db.conn.execute(_WAITING, [_MOST_AT_ONCE]).fetchall()
        return [
            Waiting(
                message=Message.from_json(json.loads(row["body"])),
                person=row["person"],
                received_at=row["received_at"],
                ahead=row["ahead"],
            )
            for row in rows
        ]

    def _run(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            try:
                self.write_due(time.time())
            except NisseError as later:
                logs.event(_log, "notes.wait", level=logging.WARNING, why=later.message)
            except Exception as broken:  # noqa: BLE001 - a thread that ended would be missed until the next start
                _log.error("notes.broke", exc_info=broken)


def expected(info: Mapping[str, Any], *, ahead: int, longest_answer: int) -> float | None:
    """Seconds until a message is answered, rather too many than too few; None if nobody can say.

    Args:
        info: What the brain says of itself.
        ahead: How many messages are answered before.
        longest_answer: In tokens.
    """
    if not info.get("ready"):
        return None
    engine, queue = info.get("engine") or {}, info.get("queue") or {}
    reading, step = _positive(engine.get("reading_speed")), _positive(engine.get("step_seconds"))
    each = _PROMPT_TOKENS / reading + longest_answer * step if reading and step else 0.0
    return _positive(queue.get("seconds")) + each * (ahead + 1)


def is_due(waited: float, expected_seconds: float | None, after: float) -> bool:
    """Whether somebody who has waited so long, and will have to wait so much longer, is to be told."""
    if expected_seconds is None:
        return waited > after
    return expected_seconds > _NOT_WORTH_IT_S and waited + expected_seconds > after


def may_be_told(message: Message) -> bool:
    """Whether a note may go to the sender: the mail's return path, if it has one, must be the sender's own address."""
    path = message.envelope.get("return_path", "")
    kind = message.address_kind or message.channel
    return not path or comparable(kind, path) == comparable(kind, message.sender)


def words(now: float, expected_seconds: float | None) -> str:
    """The note."""
    if expected_seconds is None:
        return (
            "I have your message, but cannot think just now: my language model is not running. I shall answer as soon as it is. "
            "You need not send it again."
        )
    done = time.localtime(math.ceil((now + expected_seconds) / _ROUNDED_TO_S) * _ROUNDED_TO_S)
    today = time.localtime(now)[:3] == done[:3]
    when = time.strftime("%H:%M" if today else "%H:%M on %A, %d %B", done)
    return f"I have your message. The answer takes longer than usual: I expect to send it by {when}. You need not send it again."


def _positive(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0
