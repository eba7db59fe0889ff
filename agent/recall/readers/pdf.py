"""PDF: the text of each page.

Owns: what of a PDF is its text, and a clear word for each kind that has none.
Does not know: how it is kept from hanging or eating the memory; it is `CONFINED` (see `agent/recall/confined.py`).
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

from agent.errors import TooLargeError, UnreadableError
from agent.recall.pages import Limits, Page, too_hard

SUFFIXES = (".pdf",)
MEDIA_TYPES = ("application/pdf", "application/x-pdf")
MAGIC = (b"%PDF-",)
CONFINED = True

_LEAST_TEXT = 8  # letters in the whole document; a scan may carry a stray page number
_HYPHEN_AT_LINE_END = re.compile(r"(\w)[-\u00ad]\n(?=[a-z\u00e0-\u00ff])")


def read(data: bytes, limits: Limits) -> Iterator[Page]:
    """One Page a page.

    Raises:
        UnreadableError: It is damaged, encrypted, or has no text because it is a scan.
        TooLargeError: It has more pages or text than the limits.
    """
    try:
        yield from _pages(_opened(data), limits)
    except (UnreadableError, TooLargeError, MemoryError):
        raise
    except (LimitReachedError, RecursionError) as hostile:
        raise too_hard() from hostile
    except Exception as broken:  # pypdf meets a broken file with nearly any exception
        raise UnreadableError(
            "This PDF is damaged and cannot be read.", hint="Open it on a computer and save or print it anew."
        ) from broken


def _opened(data: bytes) -> PdfReader:
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and not _opens_without_password(reader):
        raise UnreadableError(
            "This PDF is locked with a password.", hint="Save a copy without the password and send that."
        )
    return reader


def _opens_without_password(reader: PdfReader) -> bool:
    """Many PDFs are encrypted only to forbid printing, and open with an empty password."""
    try:
        return reader.decrypt("") is not PasswordType.NOT_DECRYPTED
    except (PyPdfError, DependencyError, NotImplementedError):
        return False


def _pages(reader: PdfReader, limits: Limits) -> Iterator[Page]:
    if len(reader.pages) > limits.pages:
        raise TooLargeError(f"The PDF has more than {limits.pages:,} pages.", hint="Send it in parts.")
    characters = letters = 0
    for number, page in enumerate(reader.pages, start=1):
        text = _tidy(page.extract_text())
        characters += len(text)
        letters += sum(sign.isalnum() for sign in text)
        if characters > limits.characters:
            raise TooLargeError(
                f"The PDF's text is longer than {limits.characters:,} characters.", hint="Send it in parts."
            )
        yield Page(f"{text}\n\n", number=number)
    if letters < _LEAST_TEXT:
        raise UnreadableError(
            "This PDF holds pictures of pages, not text; it was probably scanned.",
            hint="Let the scanner's program recognise the text (OCR), and send the PDF that it makes.",
        )


def _tidy(text: str) -> str:
    """Ligatures spelled out and words that a line's end cut in two put together, so that they can be found."""
    return _HYPHEN_AT_LINE_END.sub(r"\1", unicodedata.normalize("NFKC", text)).strip()
