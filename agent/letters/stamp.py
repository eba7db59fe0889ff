"""The stamp that a receiving server puts on a mail: the field Authentication-Results of RFC 8601.

Owns: finding the one stamp that is the provider's own, and what it says.
Does not know: signatures, or what follows from a stamp.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Whose stamp is trusted."""

    name: str = ""  # the authserv-id, lower-case; empty: nobody's
    is_nameless: bool = False  # Exchange Online: its stamp bears no name
    stands_below: bool = False  # it stands below the Received of the provider's border, not above
    hosts: tuple[str, ...] = ()  # domains of further servers of the provider


NOBODY = Authority()
EXCHANGE_ONLINE = "exchange-online"  # the setting's word for stamps without a name
NONE = "none"  # the setting's word for trusting no stamp at all


def authority(text: str) -> Authority:
    """Whose stamp is trusted, as the setting `mail.authserv_id` has it."""
    name = text.strip().lower()
    if name in ("", NONE):
        return NOBODY
    return Authority(name="" if name == EXCHANGE_ONLINE else name, is_nameless=name == EXCHANGE_ONLINE)
