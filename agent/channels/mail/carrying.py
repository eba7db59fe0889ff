"""What runs for each mailbox: one loop that receives, one that sends, and one for all that says how they are.

Owns: putting the parts of the mail channel together.
Does not know: how mail is fetched or sent, nor how loops are run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.channels._house import House
from agent.channels._outgoing import Outgoing
from agent.channels._reporting import Reporting, Status
from agent.channels.mail.account import Account, access_token
from agent.channels.mail.handover import MEGABYTE
from agent.channels.mail.incoming import Incoming
from agent.channels.mail.journal import Journal, opened
from agent.channels.mail.lockout import Lockout
from agent.channels.mail.sending import Answers
from agent.settings import Settings

Loop = Callable[[], None]


def loops(settings: Settings, accounts: Sequence[Account]) -> list[Loop]:
    """What is to run.

    Args:
        settings: The values in force.
        accounts: The mailboxes, at least one; the first one also sends what belongs to none of them.
    """
    store = opened(settings.home)
    others = [account.address for account in accounts[1:]]
    houses = [House(settings, "mail", others=others)]
    houses += [House(settings, "mail", account=address) for address in others]
    found: list[Loop] = []
    told = []
    for each, house in zip(accounts, houses, strict=True):
        journal = Journal(store, each.key)
        account = each.entered_by(access_token(each.settings, journal))
        status = Status(account.address, journal.all_set_aside)
        told.append(status)
        found += _of(account, journal, house, status)
    return [*found, Reporting(houses[0], told).run]


def _of(account: Account, journal: Journal, house: House, status: Status) -> list[Loop]:
    settings = account.settings
    receiving = Lockout(journal, "receiving", account.login)
    sending = Lockout(journal, "sending", account.login)
    status.again += [receiving.again, sending.again]
    incoming = Incoming(
        house,
        journal,
        account,
        poll=settings.number("mail.poll"),
        largest=settings.number("conversation.max_message") * MEGABYTE,
        refusals=receiving,
        status=status,
    )
    answers = Answers(
        journal,
        incoming,
        account,
        name=settings.text("house.name"),
        grace=settings.number("mail.grace"),
    )
    outgoing = Outgoing(house, answers, retry=settings.number("mail.retry"), refusals=sending, status=status)
    return [incoming.run, outgoing.run]
