"""TXT records of the domain name system, as the checks of a mail's origin ask for them.

Owns: the shape of that question, its temporary failure, and the lists of tags (`v=DKIM1; p=...`) that such records hold.
Does not know: name servers. Whoever calls gives the callable: a resolver, or a table of records to work offline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from agent.errors import UnavailableError

_MOST_TAGS = 100


class Lookup(Protocol):
    """Asks for a name's TXT records."""

    def __call__(self, name: str, /) -> Sequence[str]:
        """The records, each with its pieces joined; none where the name does not exist.

        Args:
            name: The name in ASCII, without a dot at its end.

        Raises:
            NoAnswerError: No name server could say it now.
        """


class NoAnswerError(UnavailableError):
    """No name server answers now: what hangs on it is to be asked again later, and is no failure of the mail."""


class Table:
    """A lookup that works offline, from records given beforehand."""

    def __init__(self, records: Mapping[str, Sequence[str] | str]) -> None:
        """Keeps the records.

        Args:
            records: By name, one record or several.
        """
        self._records = {
            name.strip().rstrip(".").lower(): [found] if isinstance(found, str) else list(found)
            for name, found in records.items()
        }

    def __call__(self, name: str, /) -> Sequence[str]:
        """The name's records (see `Lookup`)."""
        return self._records.get(name.rstrip(".").lower(), [])


def tags(record: str) -> dict[str, str]:
    """The tags of a record, their names lower-case and without blanks around the values; empty if a tag stands there twice."""
    found: dict[str, str] = {}
    for piece in record.split(";", _MOST_TAGS)[:_MOST_TAGS]:
        name, separator, value = piece.partition("=")
        name = name.strip().lower()
        if not separator:
            continue
        if name in found:
            return {}
        found[name] = value.strip()
    return found
