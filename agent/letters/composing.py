"""From a Reply to the bytes of the mail that carries it.

Owns: every header of an answer, its threading, the signs by which other machines leave it alone, and its encoding.
Does not know: servers. The same reply always gives the same bytes, so that a repeated sending is a true repeat.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import Any

from agent.errors import RequestError
from agent.letters import deciding, headers, threads
from agent.letters.headers import Mail
from agent.message import Reply

_LONGEST_LINE = 78
_ID_FIELDS = ("message-id", "in-reply-to", "references")
_UNASKED = "auto-generated"  # it answers nothing, so that its subject is its own
_AUTOMATIC = ("auto-replied", _UNASKED)
_LONGEST_PAGE = 200_000  # characters of text that get a second form


class _MailPolicy(EmailPolicy):
    """Folds as SMTP asks, but leaves ids whole: encoded or cut, a long id no longer names the mail it answers."""

    def fold(self, name: str, value: Any) -> str:
        if name.lower() == "subject" and not str(value).isascii():
            # Between two encoded words the policy of Python 3.13 puts a blank too many; the older encoder does not.
            encoded = Header(str(value), "utf-8", _LONGEST_LINE - 2, name).encode(linesep=self.linesep)
            return f"{name}: {encoded}{self.linesep}"
        return str(super(_MailPolicy, self._width(name)).fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("ascii")

    def _width(self, name: str) -> _MailPolicy:
        return self.clone(max_line_length=threads.LONGEST_LINE) if name.lower() in _ID_FIELDS else self


_POLICY = _MailPolicy(linesep="\r\n", max_line_length=_LONGEST_LINE)


def compose(reply: Reply, *, sender: str, name: str) -> bytes:
    """The mail that carries a reply, with CRLF line ends: its text, and a page made of the same text.

    Args:
        reply: The reply; its envelope is the one that `reading.read` made. What nobody asked for, such as a reminder, says
            `auto-generated` there under `auto_submitted`.
        sender: The box's own address.
        name: What the box is called.

    Raises:
        RequestError: The recipient's or the own address cannot stand in a mail.
    """
    mail = EmailMessage(policy=_POLICY)
    mail["Message-ID"] = message_id(reply, sender)
    mail["Date"] = datetime.fromtimestamp(int(reply.created_at), UTC)
    mail["From"] = _address(sender, _one_line(name))
    mail["To"] = _address(reply.recipient)
    kind = reply.envelope.get("auto_submitted", "")
    subject = reply.subject or reply.envelope.get("subject", "")
    mail["Subject"] = _one_line(subject) if kind == _UNASKED else threads.answer_subject(subject)
    _add_thread(mail, reply)
    mail["Auto-Submitted"] = kind if kind in _AUTOMATIC else _AUTOMATIC[0]
    mail["X-Auto-Response-Suppress"] = "All"
    mail[deciding.LOOP_FIELD] = tag(sender)
    _add_text(
        mail,
        headers.clean(reply.text),
        footer=f"{_one_line(name)}, the house's own assistant",
        boundary=reply.outgoing_id,
    )
    return mail.as_bytes()


def message_id(reply: Reply, sender: str) -> str:
    """The Message-ID of the mail that carries this reply, the same at every try."""
    return f"<{reply.outgoing_id}@{sender.rpartition('@')[2].strip('[]') or 'localhost'}>"


def recipient(reply: Reply) -> str:
    """The address to which a reply goes, as mail servers take it: its domain as DNS has it.

    Raises:
        RequestError: It is no single address.
    """
    return _address(reply.recipient).addr_spec


def tag(sender: str) -> str:
    """What marks a mail as written by the box with this address."""
    return hashlib.sha256(sender.strip().lower().encode()).hexdigest()[:16]


def is_own(mail: Mail, sender: str) -> bool:
    """Whether the box with this address composed this mail: such a mail in its own mailbox is a receipt."""
    return tag(sender) in headers.fields(mail, deciding.LOOP_FIELD) and headers.addresses(mail, "From") == [
        sender.strip().lower()
    ]


def flowed(text: str) -> str:
    """The text in `format=flowed` (RFC 3676): lines of at most 78, soft ends marked by a space."""
    return "\n".join(line for paragraph in text.split("\n") for line in _flow(paragraph.rstrip()))


def _flow(paragraph: str) -> list[str]:
    if paragraph.startswith((" ", ">", "From ")):
        paragraph = f" {paragraph}"
    lines: list[str] = []
    while len(paragraph) > _LONGEST_LINE:
        cut = paragraph.rfind(" ", 1, _LONGEST_LINE - 1)
        if cut < 1 or not paragraph[:cut].strip():
            break
        lines.append(paragraph[: cut + 1])
        paragraph = paragraph[cut + 1 :]
        if paragraph.startswith((" ", ">", "From ")):
            paragraph = f" {paragraph}"
    return [*lines, paragraph]


def _add_thread(mail: EmailMessage, reply: Reply) -> None:
    parent = reply.envelope.get("message_id", "")
    if parent and _is_id(parent):
        mail["In-Reply-To"] = parent
    earlier = [found for found in reply.envelope.get("references", "").split() if _is_id(found)]
    if ids := threads.references(earlier, parent if _is_id(parent) else ""):
        mail["References"] = " ".join(ids)


def _is_id(text: str) -> bool:
    return (
        text.isascii()
        and text.startswith("<")
        and text.endswith(">")
        and not set(text[1:-1]) & set("<> \t\r\n")
    )


def _add_text(mail: EmailMessage, text: str, *, footer: str, boundary: str) -> None:
    plain = f"{flowed(text)}\n\n-- \n{flowed(footer)}\n"
    mail.set_content(plain, charset="utf-8", cte="quoted-printable", params={"format": "flowed"})
    if len(text) <= _LONGEST_PAGE:  # beyond that a second form only doubles the mail
        from agent.letters import page  # noqa: PLC0415 - Markdown is read when the first answer goes out

        mail.add_alternative(
            page.of(text, footer=footer), subtype="html", charset="utf-8", cte="quoted-printable"
        )
        mail.set_boundary(
            f"=_{boundary}"
        )  # not drawn: the same reply gives the same bytes; no encoded part holds "=_"


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.strip().rpartition("@")
    try:
        host = domain if domain.isascii() else domain.encode("idna").decode("ascii")
        found = Address(display_name=name, addr_spec=f"{local}@{host}")
    except (ValueError, UnicodeError, IndexError, LookupError) as wrong:
        raise RequestError(f"{address!r} is no address that mail can be sent to.") from wrong
    except Exception as wrong:
        # The parser raises its own HeaderParseError and, on some texts, whatever it stumbles over.
        raise RequestError(f"{address!r} is no address that mail can be sent to.") from wrong
    if not local or not found.addr_spec.isascii() or any(sign.isspace() for sign in found.addr_spec):
        raise RequestError(f"{address!r} is no address that mail can be sent to.")
    return found


def _one_line(text: str) -> str:
    return " ".join(headers.clean(text).split())
