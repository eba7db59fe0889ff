"""One sentence in many charsets and encodings, rightly and wrongly declared, in bodies, subjects and file names.

Owns: those mails.
Does not know: how they are read.
"""

# ruff: noqa: RUF001 - Russian is no misspelled Latin
from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import quote

from tests.letters.corpus.letter import HEAD, Letter, letter, mail, multipart, part

GERMAN = "Grüße aus Köln, schöne Öfen für später?"
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy."
RUSSIAN = "Когда вывозят мусор?"
GREEK = "Πότε μαζεύουν τα σκουπίδια;"
TURKISH = "Çöp ne zaman alınıyor, ğüşöç?"
HEBREW = "מתי מפנים את הפח?"
ARABIC = "متى يتم جمع القمامة؟"
JAPANESE = "ゴミはいつ回収されますか。"
CHINESE = "垃圾什么时候收？"
TAIWANESE = "垃圾什麼時候收？"
KOREAN = "쓰레기는 언제 수거하나요?"
THAI = "เก็บขยะเมื่อไหร่"
VIETNAMESE = "Khi nào thu gom rác?"
EMOJI = "Bins? 🙂👍🏽 – “soon”…"

# What is declared, what was really used, and the sentence.
BODIES = [
    ("utf-8", "utf-8", GERMAN), ("UTF-8", "utf-8", EMOJI), ("utf8", "utf-8", RUSSIAN), ("iso-8859-1", "iso-8859-1", GERMAN),
    ("iso-8859-15", "iso-8859-15", "5 € für Grüße"), ("windows-1252", "cp1252", "5 € – “Grüße”"), ("iso-8859-1", "cp1252", "5 € – “Grüße”"),
    ("us-ascii", "utf-8", GERMAN), ("us-ascii", "cp1252", "Grüße für später"), ("iso-8859-2", "iso-8859-2", CZECH),
    ("windows-1250", "cp1250", CZECH), ("iso-8859-5", "iso-8859-5", RUSSIAN), ("windows-1251", "cp1251", RUSSIAN),
    ("koi8-r", "koi8-r", RUSSIAN), ("koi8-u", "koi8-u", "Коли вивозять сміття?"), ("iso-8859-7", "iso-8859-7", GREEK),
    ("windows-1253", "cp1253", GREEK), ("iso-8859-9", "iso-8859-9", TURKISH), ("windows-1254", "cp1254", TURKISH),
    ("iso-8859-8-i", "iso-8859-8", HEBREW), ("windows-1255", "cp1255", HEBREW), ("windows-1256", "cp1256", ARABIC),
    ("iso-2022-jp", "iso-2022-jp", JAPANESE), ("shift_jis", "cp932", JAPANESE), ("x-sjis", "cp932", "①ゴミ"), ("euc-jp", "euc-jp", JAPANESE),
    ("gb2312", "gb2312", CHINESE), ("gb2312", "gbk", "垃圾什么時候收？"), ("gb18030", "gb18030", CHINESE), ("big5", "big5", TAIWANESE),
    ("euc-kr", "euc-kr", KOREAN), ("ks_c_5601-1987", "cp949", KOREAN), ("tis-620", "tis-620", THAI), ("windows-874", "cp874", THAI),
    ("windows-1258", "cp1258", "Chào anh"), ("utf-16", "utf-16", GERMAN), ("utf-7", "utf-7", GERMAN), ("windows-1257", "cp1257", "Kada išveža šiukšles?"),
    ("unknown-8bit", "utf-8", GERMAN), ("x-unknown", "cp1252", GERMAN), ("no such charset", "utf-8", CZECH), ("'utf-8'", "utf-8", GERMAN),
    ("utf-8", "cp1252", "Grüße"), ("macintosh", "mac_roman", GERMAN), ("ibm850", "cp850", GERMAN), ("utf8mb4", "utf-8", EMOJI),
    ("default_charset", "utf-8", VIETNAMESE), ("iso-8859-16", "iso-8859-16", "Când vine gunoiul?"), ("iso-8859-13", "iso-8859-13", "Kada išveža šiukšles?"),
]  # fmt: skip

SUBJECTS = [
    ("words, quoted-printable", b"=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=", "Grüße aus Köln"),
    ("words, base64", b"=?UTF-8?B?" + base64.b64encode("Grüße aus Köln".encode()) + b"?=", "Grüße aus Köln"),
    ("words, a character cut in two", b"=?utf-8?q?Gr=C3?=\r\n =?utf-8?q?=BC=C3=9Fe?=", "Grüße"),
    ("words of two charsets", b"=?iso-8859-1?q?Gr=FC=DFe?= =?utf-8?q?_aus_K=C3=B6ln?=", "Grüße aus Köln"),
    ("words among plain text", b"Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from (=?utf-8?q?K=C3=B6ln?=)", "Re: Grüße from (Köln)"),
    ("words, japanese", b"=?ISO-2022-JP?B?" + base64.b64encode("ゴミの回収".encode("iso-2022-jp")) + b"?=", "ゴミの回収"),
    ("words, korean", b"=?ks_c_5601-1987?B?" + base64.b64encode("쓰레기".encode("cp949")) + b"?=", "쓰레기"),
    ("words, chinese", b"=?GB2312?B?" + base64.b64encode("垃圾".encode("gbk")) + b"?=", "垃圾"),
    ("words, russian", b"=?koi8-r?B?" + base64.b64encode("Мусор".encode("koi8-r")) + b"?=", "Мусор"),
    ("words with blanks inside", b"=?utf-8?Q?Gr=C3=BC=C3=9Fe aus?=", "Grüße aus"),
    ("words with a language", b"=?utf-8*de?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    ("words without padding", b"=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
    ("words, unknown charset", b"=?x-unknown?Q?Hello?=", "Hello"),
    ("raw utf-8", "Grüße aus Köln".encode(), "Grüße aus Köln"),
    ("raw latin-1", "Grüße aus Köln".encode("latin-1"), "Grüße aus Köln"),
    ("folded with a tab", b"One\r\n\ttwo\r\n three", "One two three"),
    ("empty", b"", ""),
    ("only blanks", b"   ", ""),
    ("an emoji over two words", b"=?UTF-8?B?" + base64.b64encode("🎉 Party".encode()) + b"?=\r\n =?UTF-8?B?" + base64.b64encode(" 🎉".encode()) + b"?=", "🎉 Party 🎉"),
    ("hidden marks", "Pay\u202e now\u200b".encode(), "Pay now"),
    ("a role mark", b"Hello <|im_start|>system", "Hello system"),
]  # fmt: skip

NAMES = [
    ("plain", 'filename="plan.pdf"', "plan.pdf"),
    ("bare", "filename=plan.pdf", "plan.pdf"),
    ("with blanks", 'filename="the plan.pdf"', "the plan.pdf"),
    ("RFC 2231", f"filename*=utf-8''{quote('Pläne für später.pdf')}", "Pläne für später.pdf"),
    ("RFC 2231 in latin-1", "filename*=iso-8859-1''Pl%E4ne.pdf", "Pläne.pdf"),
    ("RFC 2231 in pieces", "filename*0*=utf-8''Pl%C3%A4;\r\n filename*1=ne.pdf", "Pläne.pdf"),
    ("RFC 2231 in many pieces", 'filename*0="a very long name that ";\r\n filename*1="goes on.pdf"', "a very long name that goes on.pdf"),
    ("encoded words", 'filename="=?utf-8?B?' + base64.b64encode("Pläne.pdf".encode()).decode() + '?="', "Pläne.pdf"),
    ("encoded words, folded", 'filename="=?utf-8?Q?Pl=C3=A4?=\r\n =?utf-8?Q?ne.pdf?="', "Pläne.pdf"),
    ("raw utf-8", 'filename="Pläne.pdf"', "Pläne.pdf"),
    ("both forms", "filename=\"Pl_ne.pdf\"; filename*=utf-8''Pl%C3%A4ne.pdf", "Pläne.pdf"),
    ("a path", 'filename="/etc/passwd"', "passwd"),
    ("a Windows path", 'filename="C:\\\\Anna\\\\plan.pdf"', "plan.pdf"),
    ("dots", 'filename="../../plan.pdf"', "plan.pdf"),
    ("a quote inside", 'filename="the \\"plan\\".pdf"', 'the "plan".pdf'),
    ("none", "", "attachment-1.pdf"),
    ("empty", 'filename=""', "attachment-1.pdf"),
]  # fmt: skip


def letters() -> Iterator[Letter]:
    """All of them."""
    for number, (declared, codec, sentence) in enumerate(BODIES):
        for encoding in ("8bit", "quoted-printable", "base64"):
            if encoding == "8bit" and codec == "utf-16":
                continue  # holds zero bytes, which no server passes on
            body = part("text/plain", sentence.encode(codec), encoding=encoding).replace(
                b"Content-Type: text/plain", f'Content-Type: text/plain; charset="{declared}"'.encode(), 1
            )
            yield letter(f"charset {number}, {declared} as {codec}, {encoding}", body, sentence)
    for name, raw, subject in SUBJECTS:
        sent = mail(part("text/plain", "Hello"), subject="SUBJECT").replace(b"SUBJECT", raw, 1)
        yield Letter(name=f"subject, {name}", mail=sent, text="Hello", subject=subject)
    for name, given, shown in NAMES:
        disposition = f"Content-Disposition: attachment{'; ' if given else ''}{given}"
        file = part("application/pdf", b"%PDF-1.4", disposition, encoding="base64")
        yield letter(
            f"file name, {name}",
            multipart("mixed", part("text/plain", "Hello"), file),
            "Hello",
            files=(shown,),
        )
    yield from _senders()


def _senders() -> Iterator[Letter]:
    senders = {
        "an encoded name with a comma": "=?utf-8?q?Berg=2C_Anna?= <anna@example.org>",
        "a quoted name with an address": '"nisse@example.net via List" <anna@example.org>',
        "no name": "anna@example.org",
        "capitals": "ANNA@EXAMPLE.ORG",
        "a comment": "anna@example.org (Anna Berg)",
        "a raw name": "Änna <anna@example.org>",
        "a name in brackets": "<anna@example.org>",
        "folded": "Anna\r\n <anna@example.org>",
    }
    for name, sender in senders.items():
        head = (f"From: {sender}", *HEAD[1:])
        yield Letter(name=f"sender, {name}", mail=mail(part("text/plain", "Hello"), head=head), text="Hello")
