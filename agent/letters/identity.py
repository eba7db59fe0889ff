"""Who wrote a mail, and how sure that is.

Owns: the level of a mail's sender, from its signatures, from the stamp of the provider's server, and from a forwarder's seal.
Does not know: people, or what a level allows; that is conversation's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from agent.addresses import a_label
from agent.letters import author, dates, headers, seal, signature, stamp
from agent.letters.alignment import Alignment
from agent.letters.author import Author
from agent.letters.headers import Mail
from agent.letters.records import Lookup, NoAnswerError
from agent.letters.signature import Signature
from agent.letters.stamp import NOBODY, Authority, Result
from agent.message import ASSERTED, UNVERIFIED, VERIFIED

# Fields of which a mail has one. Of two, a person sees the one and a signature may cover the other.
_ONCE = (
    "to",
    "cc",
    "subject",
    "date",
    "sender",
    "reply-to",
    "message-id",
    "in-reply-to",
    "references",
    "content-type",
)
_MOST_SAID = 6
_LONGEST_WHY = 300  # characters
_WHAT_IS_ASKED = frozenset({"from", "subject"})  # open, the question itself is not proven
_WHOM_IT_CONCERNS = frozenset({"to", "cc", "reply-to"})  # open, it may have been written to somebody else


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whose mail it is."""

    sender: str  # the address in From, comparable: lower-case, its domain as A-label; empty where From names nobody
    level: str  # VERIFIED, ASSERTED or UNVERIFIED, as in `agent.message`
    why: str  # in words for the owner, such as "signed by example.org"
    written_at: float = 0.0  # seconds since 1970; 0 where nobody vouches for it
    rule: str = "E17"  # by which: "E25" (From is unusable), "E27" (stamp), "E29" (signature), "E30" (seal), "E17" (nothing)


@dataclass(frozen=True, kw_only=True)
class _Evidence:
    """What the checks work on."""

    mail: bytes
    parsed: Mail
    author: Author
    alignment: Alignment
    arrived_at: float
    records: Lookup | None
    is_whole: bool


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
    parsed = headers.parse(mail)
    named = author.read(parsed)
    if not named.address:
        return Identity(sender="", level=UNVERIFIED, why=named.problem, rule="E25")
    twice = next((name for name in _ONCE if len(headers.fields(parsed, name)) > 1), "")
    if twice:
        return Identity(sender=named.address, level=UNVERIFIED, why=f"it has two fields {twice.title()}")
    evidence = _Evidence(
        mail=mail,
        parsed=parsed,
        author=named,
        alignment=Alignment(named.domain, records),
        arrived_at=arrived_at,
        records=records,
        is_whole=is_whole,
    )
    found = _by_signature(evidence, is_last_try=is_last_try)
    if found.level != UNVERIFIED:
        return found
    results = stamp.find(parsed, authority)
    by_stamp, by_seal = _by_stamp(evidence, authority, results), None
    if by_stamp is None:
        by_seal = _by_seal(evidence, sealers, is_last_try=is_last_try)
    return by_stamp or by_seal or _with_objections(found, results)


def _by_signature(evidence: _Evidence, *, is_last_try: bool) -> Identity:
    nothing = Identity(
        sender=evidence.author.address,
        level=UNVERIFIED,
        why="it bears no signature of its domain, and no stamp of the mail provider",
    )
    if evidence.records is None:
        return nothing
    try:
        found = signature.check(
            evidence.mail,
            arrived_at=evidence.arrived_at,
            records=evidence.records,
            counts=evidence.alignment.signer,
            is_whole=evidence.is_whole,
        )
    except NoAnswerError:
        if not is_last_try:
            raise
        return Identity(
            sender=nothing.sender, level=UNVERIFIED, why="no name server gives out the key of its signature"
        )
    weighed = [_weighed(one, evidence) for one in found]
    for level in (VERIFIED, ASSERTED, UNVERIFIED):
        for one in weighed:
            if one.level == level:
                return one
    return nothing


def _weighed(one: Signature, evidence: _Evidence) -> Identity:
    """What one aligned signature is worth."""
    level, why = VERIFIED, f"signed by {one.domain}"
    written_at = _proven_time(one, evidence)
    if one.problem:
        level, why = UNVERIFIED, f"the signature of {one.domain} does not hold: {one.problem}"
    elif one.open_fields & _WHAT_IS_ASKED or (evidence.is_whole and not one.covers_body):
        level, why = UNVERIFIED, f"the signature of {one.domain} covers only a part of it"
    elif not evidence.is_whole:
        level, why = ASSERTED, f"{why}, of which the headers were checked"
    elif one.open_fields & _WHOM_IT_CONCERNS:
        level, why = ASSERTED, f"{why}, but not whom it was written to"
    return Identity(
        sender=evidence.author.address,
        level=level,
        why=why,
        written_at=written_at if level != UNVERIFIED else 0.0,
        rule="E29",
    )


def _proven_time(one: Signature, evidence: _Evidence) -> float:
    """When it was written, as far as the signature covers it: an old mail that somebody sends once more stays old."""
    said = dates.written(evidence.parsed) if "date" not in one.open_fields else None
    moments = [moment for moment in (said, one.signed_at) if moment]
    if not moments or min(moments) > evidence.arrived_at + dates.FARTHEST_S:
        return 0.0
    return min(*moments, evidence.arrived_at)


def _by_stamp(evidence: _Evidence, authority: Authority, results: Sequence[Result]) -> Identity | None:
    why = _aligned(results, evidence)
    return _asserted(evidence, f"{why}, says {authority.name or 'the mail server'}", "E27") if why else None


def _with_objections(found: Identity, results: Sequence[Result]) -> Identity:
    """The same with what the provider found, which helps the owner to see why it was not enough."""
    said = [f"{one.method}={one.result}" for one in results if one.method in ("dmarc", "dkim", "spf")]
    if not said:
        return found
    return replace(
        found, why=f"{found.why}; the mail server says {', '.join(said[:_MOST_SAID])}"[:_LONGEST_WHY]
    )


def _by_seal(evidence: _Evidence, sealers: Collection[str], *, is_last_try: bool) -> Identity | None:
    if not sealers or evidence.records is None or not evidence.is_whole:
        return None
    try:
        sealer, results = seal.find(evidence.mail, records=evidence.records, sealers=sealers)
    except NoAnswerError:
        if not is_last_try:
            raise
        return None
    why = _aligned(results, evidence)
    return _asserted(evidence, f"{why}, says {sealer}, which sent it on", "E30") if why else None


def _asserted(evidence: _Evidence, why: str, rule: str) -> Identity:
    return Identity(
        sender=evidence.author.address,
        level=ASSERTED,
        why=why,
        written_at=dates.believed(evidence.parsed, evidence.arrived_at),
        rule=rule,
    )


def _aligned(results: Sequence[Result], evidence: _Evidence) -> str:
    """What in a trusted server's results speaks for the author; empty if nothing does, or if something speaks against them."""
    policies = [one for one in results if one.method == "dmarc"]
    if any(one.result in ("fail", "unreadable") for one in policies):
        return ""
    passed = [
        a_label(one.value("header.from").rpartition("@")[2]) for one in policies if one.result == "pass"
    ]
    if passed:
        return "DMARC passed" if set(passed) == {evidence.author.domain} else ""
    for one in results:
        domain = _speaker(one)
        if one.result != "pass" or not domain:
            continue
        try:
            if one.method == "dkim" and evidence.alignment.signer(domain):
                return f"DKIM passed for {domain}"
            if one.method == "spf" and evidence.alignment.envelope(domain):
                return f"SPF passed for {domain}"
        except NoAnswerError:
            continue  # a domain's own stricter wish cannot be known now: only what needs none counts
    return ""


def _speaker(one: Result) -> str:
    """The domain for which a result speaks; what a client called itself (`smtp.helo`) speaks for nobody."""
    if one.method == "dkim":  # Google names the identity alone, whose domain is the signer's or below it
        return a_label(one.value("header.d") or one.value("header.i").rpartition("@")[2])
    return a_label(one.value("smtp.mailfrom").rpartition("@")[2])
