"""The hands: threads that take messages from the inbox and see each through to its reply.

Owns: the order of a turn's steps, and what happens when one cannot be done now.
Does not know: HTTP routes or channels; the thinking itself is `turn` (pure) and `thinking` (calls).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from agent import logs
from agent.conversation import attached, capability, turn
from agent.conversation.attached import Reading
from agent.conversation.capability import Capability
from agent.conversation.history import History, day
from agent.conversation.inbox import Inbox, Received
from agent.conversation.outbox import Outbox
from agent.conversation.people import People
from agent.conversation.streams import Streams
from agent.conversation.thinking import Thinking
from agent.conversation.turn import Wish
from agent.errors import ConflictError, NisseError, RequestError, StorageError, UnavailableError
from agent.message import Attachment, Passage

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_IDLE_S = 1.0
_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 60.0
_LONGEST_DOUBLED = 10  # times; beyond it only the number grows
_ATTEMPTS = 3  # at a message that breaks something; waiting for the brain does not count
HOUSE = "house"  # asks recall for what everybody may read, as a person without memories would
_UNPROVEN = (
    "I keep documents only if it is proven who sent them. Of this mail only your provider's server says that it is yours. "
    "Please put them in at the page Documents of the house's portal."
)
_BROKEN = (
    "I could not answer this: something went wrong inside, three times. The owner of the box finds the reason in its log "
    "(page Health). Please ask again in other words."
)


class _FilesUnreadError(UnavailableError):
    """Recall, which reads files, is away; that is no reason to leave the brain alone."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a turn came to."""

    text: str
    sources: tuple[Passage, ...] = ()
    remember: bool = False


class Worker:
    """Answers messages, several at a time; the brain decides whose words come first."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        outbox: Outbox,
        streams: Streams,
        thinking: Thinking,
        history: History,
        people: People,
    ) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._streams = streams
        self._thinking = thinking
        self._history = history
        self._people = people
        self._news = threading.Condition()
        self._brain_away_until = 0.0  # on the clock that never jumps
        self._brain_failures = 0
        self._brain_asleep = False  # seen so while everybody waits for it

    def start(self, threads: int) -> None:
        """Starts the threads; one of them is kept for people who sit there and wait."""
        for number in range(threads):
            threading.Thread(
                target=self._work,
                kwargs={"interactive_only": number == 0},
                name=f"worker-{number}",
                daemon=True,
            ).start()
        threading.Thread(target=self._keep_memory, name="memory", daemon=True).start()

    def wake(self) -> None:
        """There is something to do."""
        with self._news:
            self._news.notify_all()

    def _work(self, *, interactive_only: bool) -> None:
        while True:
            received = None
            try:
                brain = self._brain_is_here(look=interactive_only)
                claim = partial(self._inbox.claim, interactive_only=interactive_only, brain=brain)
                received = self._stored(claim)
                if received:
                    self._see_through(received)
                else:
                    self._pause(_IDLE_S)
            except Exception as broken:  # noqa: BLE001 - a thread that ended would be missed until the next start
                _log.error("worker.broke", exc_info=broken)
                self._pause(_PAUSE_S)
                if received:
                    self._rescue(received)

    def _rescue(self, received: Received) -> None:
        """Gives back what was in hand when something broke; a message that stayed claimed would wait until the next start."""
        while True:
            try:
                self._give_back(received, "something went wrong inside", _LONGEST_PAUSE_S, broke=True)
            except Exception as broken:  # noqa: BLE001 - the same
                _log.error("worker.broke id=%s", received.message.id, exc_info=broken)
                self._pause(_PAUSE_S)
            else:
                return

    def _brain_is_here(self, *, look: bool) -> bool:
        """Whether it is worth asking the brain. One of the threads looks, so that the wait ends as soon as the brain is back."""
        if time.monotonic() >= self._brain_away_until:
            return True
        if look:
            awake = self._thinking.awake()
            if awake and self._brain_asleep:
                self._brain_away_until = 0.0
                self.wake()
            self._brain_asleep = not awake
        return time.monotonic() >= self._brain_away_until

    def _see_through(self, received: Received) -> None:
        message = received.message
        if not _may(received).ask:
            self._stored(lambda: self._inbox.leave(message.id, "E17", "it may not ask any more"))
            self.wake()
            return
        self._streams.begin(message.id)
        try:
            answer = self._answer(received)
            if received.thinks:
                self._brain_failures = 0
        except UnavailableError as later:
            self._give_back(received, later.message, self._wait_for_brain(received, later))
            return
        except Exception as broken:  # noqa: BLE001 - whatever a message sets off, the thread must live on
            _log.error("message.broke id=%s attempt=%s", message.id, received.attempts + 1, exc_info=broken)
            if received.attempts + 1 < _ATTEMPTS:
                self._give_back(received, "something went wrong inside", _IDLE_S, broke=True)
                return
            answer = Answer(text=_BROKEN)
        self._finish(received, answer)

    def _finish(self, received: Received, answer: Answer) -> None:
        message_id = received.message.id
        try:
            self._stored(
                lambda: self._outbox.answer(received, answer.text, answer.sources, remember=answer.remember)
            )
        except ConflictError as gone:  # its sender was removed meanwhile
            logs.event(_log, "message.dropped", id=message_id, why=gone.message)
        else:
            seconds = round(time.time() - received.received_at, 1)
            logs.event(_log, "message.answered", id=message_id, seconds=seconds)
        self._streams.finish(message_id)
        self.wake()  # the thread's next message is free now

    def _wait_for_brain(self, received: Received, why: UnavailableError) -> float:
        """Seconds until the message may be tried again. While the brain is away, all that needs it waits together, longer and
        longer, or until the brain is seen to be back: trying each message again and again would wear the disk (rule 9)."""
        if not received.thinks or isinstance(why, _FilesUnreadError):
            return _PAUSE_S
        self._brain_asleep = False
        pause = min(
            _LONGEST_PAUSE_S, max(why.retry_after or 0.0, 2.0 ** min(self._brain_failures, _LONGEST_DOUBLED))
        )
        self._brain_failures += 1
        self._brain_away_until = time.monotonic() + pause
        return 0.0  # nothing that needs the brain is taken before that

    def _give_back(self, received: Received, why: str, seconds: float, *, broke: bool = False) -> None:
        logs.event(_log, "message.waits", id=received.message.id, why=why, seconds=seconds)
        self._stored(lambda: self._inbox.release(received.message.id, why, seconds, broke=broke))

    def _stored(self, step: Callable[[], _Result]) -> _Result:
        """Takes a step in the database, however long the disk is full: what was thought out is not thrown away."""
        while True:
            try:
                return step()
            except StorageError as full:
                logs.event(_log, "disk.refuses", level=logging.ERROR, why=full)
                self._pause(_PAUSE_S)

    def _pause(self, seconds: float) -> None:
        with self._news:
            self._news.wait(seconds)

    def _answer(self, received: Received) -> Answer:
        if received.message.problem:
            return Answer(text=received.message.problem)
        wish = turn.wish(received.message)
        answers = {"help": self._help, "status": self._status, "keep": self._keep, "search": self._search}
        return answers.get(wish.kind, self._ask)(received, wish)

    def _help(self, _received: Received, _wish: Wish) -> Answer:
        return Answer(text=turn.HELP)

    def _search(self, received: Received, wish: Wish) -> Answer:
        passages = self._thinking.passages(_whose_memory(received), wish.text)
        if passages is None:
            return Answer(
                text="I cannot look into the house's documents just now. Please ask again in a minute."
            )
        return Answer(text=turn.found_text(wish.text, passages), sources=tuple(passages))

    def _ask(self, received: Received, wish: Wish) -> Answer:
        message, person = received.message, received.person
        files = self._read_files(message.attachments, room=turn.QUESTION_CHARACTERS - len(wish.text))
        passages = self._thinking.passages(_whose_memory(received), wish.text)
        messages = turn.prompt(
            wish.text,
            name=person.name if person else "Somebody",
            today=day(received.received_at),
            passages=passages or [],
            history=self._history.thread(message),
            files=files.block,
        )
        interactive = message.channel in ("console", "portal")
        written = []
        try:
            for piece in self._thinking.pieces(
                messages,
                person=_person_id(received),
                interactive=interactive,
                noted=bool(passages or files.block),
            ):
                written.append(piece)
                self._streams.piece(message.id, piece)
        except RequestError as refused:
            return Answer(text=f"I could not answer this. {refused}")
        answer = "".join(written).strip() or "I have nothing to say to that."
        used = turn.sources(answer, passages or [])
        remarks = _remarks(received, files, looked=passages is not None)
        return Answer(
            text=turn.reply_text(answer, used, wish_=wish, remarks=remarks),
            sources=used,
            remember=_may(received).memory,
        )

    def _read_files(self, files: tuple[Attachment, ...], *, room: int) -> Reading:
        """What the files say that came with a question; they are waited for, as the question is about them."""
        looked_into = files[: attached.MOST_FILES]
        try:
            extracts = [self._thinking.extract(file, turn.QUESTION_CHARACTERS) for file in looked_into]
        except UnavailableError as away:
            raise _FilesUnreadError(away.message, hint=away.hint) from away
        return attached.reading(extracts, room=room, unread=[file.name for file in files[len(looked_into) :]])

    def _keep(self, received: Received, wish: Wish) -> Answer:
        message = received.message
        if not _may(received).keep:
            return Answer(text=_UNPROVEN)
        files = message.attachments
        if not files and wish.text:
            name = " ".join(wish.text.split()[:6])[:60]
            files = (Attachment(name=f"{name}.txt", media_type="text/plain", data=wish.text.encode()),)
        if not files:
            return Answer(
                text="There was nothing to keep: attach a file, or write the text below the word keep."
            )
        lines = [
            self._thinking.keep(file, person=_person_id(received), message_id=message.id) for file in files
        ]
        return Answer(text="\n".join(lines))

    def _status(self, _received: Received, _wish: Wish) -> Answer:
        waiting = self._inbox.counts()
        others = waiting.get("received", 0) + max(0, waiting.get("claimed", 0) - 1)
        lines = [*self._thinking.states(), f"conversation: {others or 'no'} other messages wait"]
        return Answer(text="\n".join(f"- {line}" for line in lines))

    def _keep_memory(self) -> None:
        """Gives recall what was said, and has it forget who left; what it cannot take now is tried again."""
        while True:
            try:
                self._remember()
                self._forget()
            except NisseError as later:
                logs.event(_log, "memory.waits", level=logging.WARNING, why=later.message)
            except Exception as broken:  # noqa: BLE001 - as for the workers
                _log.error("memory.broke", exc_info=broken)
            self._pause(_PAUSE_S)

    def _remember(self) -> None:
        members = {person.id for person in self._people.everybody()}
        for person, reply in self._outbox.to_remember(20):
            if person in members:
                question = self._inbox.find(reply.id).message
                text = self._history.as_memory(question, reply)
                self._thinking.remember(person, text, message_id=reply.id, at=reply.created_at)
            self._outbox.remembered(reply.id)

    def _forget(self) -> None:
        for person in self._people.departed():
            self._thinking.forget(person)
            self._people.forgotten(person)


def _may(received: Received) -> Capability:
    return capability.of(received.message, received.person, now=received.received_at)


def _whose_memory(received: Received) -> str:
    """Whose memory may be looked into: the person's own only if it is proven that they ask, else only what all may read."""
    return _person_id(received) if _may(received).memory else HOUSE


def _person_id(received: Received) -> str:
    return received.person.id if received.person else ""


def _remarks(received: Received, files: Reading, *, looked: bool) -> list[str]:
    remarks = [] if looked else ["I could not look into the house's documents just now."]
    if received.message.attachments:
        remarks += files.remarks
        remarks.append(
            "I keep no file unless asked. To teach it to me, send it with the word keep at the start of the subject."
        )
    return remarks
