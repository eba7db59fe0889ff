"""Who wrote a mail, and how sure that is.

Owns: the level of a mail's sender, from its signatures, from the stamp of the provider's server, and from a forwarder's seal.
Does not know: people, or what a level allows; that is conversation's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from agent.letters import headers
from agent.letters.records import Lookup
from agent.letters.stamp import NOBODY, Authority
from agent.message import UNVERIFIED


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whose mail it is."""

    sender: str  # the address in From, comparable: lower-case, its domain as A-label; empty where From names nobody
    level: str  # VERIFIED, ASSERTED or UNVERIFIED, as in `agent.message`
    why: str  # in words for the owner, such as "signed by example.org"
    written_at: float  # seconds since 1970; 0 where nobody vouches for it
    rule: str  # by which: "E25" (From is unusable), "E27" (stamp), "E29" (signature), "E30" (seal); "E17" where nothing speaks for it


def identify(
    mail: bytes,
    *,
    arrived_at: float,
    records: Lookup | None = None,
    authority: Authority = NOBODY,
    sealers: Collection[str] = (),
    is_whole: bool = True,
    is_last_try: bool = False,
) -> Identity:
    """Who wrote the mail.

    Args:
        mail: The mail as it came.
        arrived_at: When it arrived, in seconds since 1970.
        records: Asks for TXT records; None: signatures are not looked at.
        authority: Whose stamp is trusted; see `stamp.authority`.
        sealers: Domains of forwarders whose ARC seal is trusted.
        is_whole: Whether the body is all there; of a beginning, signatures prove the headers alone.
        is_last_try: Takes what can be known without the records that no server gives out now.

    Raises:
        NoAnswerError: A record that decides cannot be had now; ask again later. Never on the last try.
    """
    senders = headers.addresses(headers.parse(mail), "From")
    return Identity(
        sender=senders[0] if len(senders) == 1 else "", level=UNVERIFIED, why="", written_at=0.0, rule="E17"
    )
