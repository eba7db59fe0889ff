"""The door's answers on their way out: into the Maildir, or to a relay that the owner named.

Owns: which of the two, and how each is repeated without harm.
Does not know: when to try again; `_outgoing` does.
"""

from __future__ import annotations

from pathlib import Path

from agent.channels._submission import Server, Submission
from agent.channels.door.maildir import Maildir
from agent.letters import composing
from agent.message import Reply
from agent.settings import Settings


def carrier(settings: Settings) -> ToMaildir | ToRelay:
    """What delivers the door's answers, as the settings have it."""
    name, host = settings.text("house.name"), settings.text("door.relay_host").strip()
    if not host:
        named = settings.text("door.maildir").strip()
        folder = Path(named).expanduser() if named else settings.home / "door" / "Maildir"
        return ToMaildir(Maildir(folder), name)
    user = settings.text("door.relay_user").strip()
    server = Server(
        host=host,
        port=settings.number("door.relay_port"),
        security=settings.text("door.relay_security"),
        user=user,
        password=settings.secret("door.relay_password"),
        ca_file=settings.text("door.relay_ca_file").strip(),
    )
    return ToRelay(server, user if "@" in user else f"{name}@{host}", name)


class ToMaildir:
    """Lays answers into the Maildir; the file's name makes a repeat harmless."""

    def __init__(self, maildir: Maildir, name: str) -> None:
        self._maildir = maildir
        self._name = name

    def carry(self, reply: Reply) -> bool:
        """Delivers the reply (see `Carrier`)."""
        own = reply.envelope.get("own") or f"{self._name}@localhost"
        self._maildir.deliver(_file_name(reply), composing.compose(reply, sender=own, name=self._name))
        return True

    def was_carried(self, reply: Reply) -> bool | None:
        """Whether its file is there (see `Carrier`)."""
        return self._maildir.holds(_file_name(reply))

    def settle(self, reply: Reply) -> None:
        """Nothing is left to do (see `Carrier`)."""


class ToRelay:
    """Hands answers to a mail server; it cannot be asked afterwards, but each repeat bears the same Message-ID."""

    def __init__(self, server: Server, sender: str, name: str) -> None:
        self._submission = Submission(server)
        self._sender = sender
        self._name = name

    def carry(self, reply: Reply) -> bool:
        """Delivers the reply (see `Carrier`)."""
        mail = composing.compose(reply, sender=self._sender, name=self._name)
        return self._submission.submit(
            mail, sender=self._sender, recipient=composing.recipient(reply)
        ).certain

    def was_carried(self, _reply: Reply) -> bool | None:
        """Never known (see `Carrier`)."""
        return False

    def settle(self, reply: Reply) -> None:
        """Nothing is left to do (see `Carrier`)."""


def _file_name(reply: Reply) -> str:
    return f"{int(reply.created_at)}.{reply.outgoing_id}.nisse"
