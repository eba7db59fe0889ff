"""Whether a domain that was proven is the author's: DMARC's alignment (RFC 9989).

Owns: the organisation behind a domain, by the public suffix list, and what the domain's owner published at `_dmarc`.
Does not know: who proved what, or any mail.
"""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList

from agent.letters.records import Lookup, tags


class Alignment:
    """What is aligned with one author's domain."""

    def __init__(self, author: str, records: Lookup | None) -> None:
        """Keeps what it needs; nothing is asked yet.

        Args:
            author: The domain in From, as A-label.
            records: Asks for TXT records; None: alignment is relaxed, as it is where a domain says nothing else.
        """
        self._author = author
        self._records = records
        self._published: dict[str, str] | None = None

    def signer(self, domain: str) -> bool:
        """Whether a signature by this domain speaks for the author.

        Raises:
            NoAnswerError: What the author's domain publishes cannot be had now.
        """
        return self._holds(domain, "adkim")

    def envelope(self, domain: str) -> bool:
        """Whether an envelope sender at this domain, proven by SPF, speaks for the author.

        Raises:
            NoAnswerError: What the author's domain publishes cannot be had now.
        """
        return self._holds(domain, "aspf")

    def _holds(self, domain: str, tag: str) -> bool:
        if not domain or is_registry(domain):
            return False
        if domain == self._author:
            return True
        owner = organisation(domain)
        return bool(owner) and owner == organisation(self._author) and self._policy().get(tag, "r") != "s"

    def _policy(self) -> dict[str, str]:
        if self._published is None:
            names = dict.fromkeys((self._author, organisation(self._author))) if self._records else {}
            found = (self._ask(f"_dmarc.{name}") for name in names)
            self._published = next((policy for policy in found if policy), {})
        return self._published

    def _ask(self, name: str) -> dict[str, str]:
        texts = self._records(name) if self._records else ()
        policies = [tags(text) for text in texts if text.replace(" ", "").lower().startswith("v=dmarc1")]
        return {key: value.lower() for key, value in policies[0].items()} if len(policies) == 1 else {}


def organisation(domain: str) -> str:
    """The name that its owner registered, such as `example.co.uk` for `mail.example.co.uk`; empty for a public suffix."""
    return _suffixes().privatesuffix(domain) or ""


def is_registry(domain: str) -> bool:
    """Whether the domain is one below which others register theirs, such as `co.uk`."""
    return bool(_registries().is_public(domain))


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # loaded with the first mail that needs it: most never do


@cache
def _registries() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)
