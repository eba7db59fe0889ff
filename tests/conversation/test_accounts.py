"""A channel with several accounts: each fetches its own replies, and nobody's are left over."""

from __future__ import annotations

from pathlib import Path

from agent import settings
from agent.conversation.service import Room, furnish
from agent.message import Message


def answered(room: Room, native_id: str, account: str) -> None:
    envelope = {"account": account} if account else {}
    message = Message(
        channel="mail",
        native_id=native_id,
        sender="anna@example.org",
        address_kind="mail",
        text="hello",
        level="verified",
        envelope=envelope,
    )
    assert room.inbox.receive(message) == "received"
    received = room.inbox.claim(interactive_only=False)
    assert received
    room.outbox.answer(received, "yes", (), remember=False)


def test_each_account_fetches_its_own_replies_and_one_also_those_of_none(tmp_path: Path) -> None:
    room = furnish(settings.load({"NISSE_HOME": str(tmp_path)}))
    room.people.claim("Anna", [("mail", "anna@example.org")], "password of anna")
    for number, account in enumerate(("", "a@example.org", "b@example.org", "gone@example.org")):
        answered(room, f"<{number}@example.org>", account)

    def accounts(account: str = "", others: tuple[str, ...] = ()) -> list[str]:
        found = room.outbox.waiting("mail", 0, account=account, others=others)
        return [reply.envelope.get("account", "") for reply in found]

    assert accounts("b@example.org") == ["b@example.org"]
    assert accounts(others=("b@example.org",)) == ["", "a@example.org", "gone@example.org"]
    assert len(accounts()) == 4
    room.store.close()
