from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, StreamObject
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from agent.errors import TooLargeError, UnreadableError
from agent.recall import reading
from agent.recall.pages import Limits


def pdf(*pages: str) -> bytes:
    """A PDF with these lines of text on its pages."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for page in pages:
        for number, line in enumerate(page.splitlines()):
            canvas.drawString(72, 770 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def locked(data: bytes, *, user: str, owner: str, algorithm: str) -> bytes:
    """The PDF, encrypted."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(user_password=user, owner_password=owner, algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def scanned() -> bytes:
    """A PDF that shows a picture only."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.rect(100, 100, 300, 400, fill=1)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def bomb(content: bytes) -> bytes:
    """A small PDF of one page whose content unpacks to something huge."""
    writer = PdfWriter()
    page = writer.add_blank_page(200, 200)
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    names = DictionaryObject({NameObject(key): NameObject(value) for key, value in font.items()})
    fonts = DictionaryObject({NameObject("/F1"): writer._add_object(names)})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    stream = StreamObject()
    stream.set_data(content)
    page[NameObject("/Contents")] = writer._add_object(stream.flate_encode())
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_pdf_is_read_page_by_page() -> None:
    pages = reading.read("manual.pdf", "application/pdf", pdf("The boiler.\nPress reset.", "Second page."))
    assert [page.number for page in pages] == [1, 2]
    assert "Press reset." in pages[0].text
    assert "Second page." in pages[1].text


def test_words_cut_at_a_lines_end_are_put_together() -> None:
    pages = reading.read("manual.pdf", "", pdf("Call the mainte-\nnance firm."))
    assert "maintenance firm" in pages[0].text


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_a_pdf_locked_with_a_password_is_refused_with_a_hint(algorithm: str) -> None:
    data = locked(pdf("Secret."), user="open sesame", owner="mine", algorithm=algorithm)
    with pytest.raises(UnreadableError, match="password") as refused:
        reading.read("locked.pdf", "application/pdf", data)
    assert "without the password" in refused.value.hint


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_a_pdf_that_only_forbids_printing_is_read(algorithm: str) -> None:
    data = locked(pdf("Free to read."), user="", owner="mine", algorithm=algorithm)
    assert "Free to read." in reading.read("free.pdf", "", data)[0].text


def test_a_scan_is_refused_with_a_hint() -> None:
    with pytest.raises(UnreadableError, match="scanned") as refused:
        reading.read("scan.pdf", "application/pdf", scanned())
    assert "OCR" in refused.value.hint


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:9] + b"rubbish " * 200,
        lambda data: data[: len(data) // 3],
        lambda data: data[:5],
        lambda data: data.replace(b"/Pages", b"/Sagas"),
    ],
)
def test_a_broken_pdf_is_refused_with_a_hint(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UnreadableError) as refused:
        reading.read("broken.pdf", "application/pdf", spoil(pdf("Something to read.")))
    assert refused.value.hint


def test_too_many_pages_or_too_much_text_is_refused() -> None:
    data = pdf("one page", "another page", "a third one")
    with pytest.raises(TooLargeError, match="pages"):
        reading.read("long.pdf", "", data, Limits(pages=2))
    with pytest.raises(TooLargeError, match="characters"):
        reading.read("long.pdf", "", data, Limits(characters=20))


@pytest.mark.parametrize("megabytes", [50, 200])
def test_a_pdf_that_would_eat_the_memory_is_given_up(megabytes: int) -> None:
    data = bomb(b"BT /F1 9 Tf (word) Tj ET\n" + b" " * (megabytes * 1_000_000))
    assert len(data) < 1_000_000
    with pytest.raises(UnreadableError, match="time or memory"):
        reading.read("bomb.pdf", "", data, Limits(memory=140_000_000, cpu=20, wall=40))


def test_a_pdf_that_would_compute_for_ever_is_given_up() -> None:
    data = bomb(b"BT /F1 9 Tf " + b"(word) Tj 1 0 0 1 0 1 Tm " * 1_000_000 + b"ET")
    began = time.monotonic()
    with pytest.raises(UnreadableError, match="time or memory"):
        reading.read("slow.pdf", "", data, Limits(cpu=2, wall=30, memory=2_000_000_000))
    assert time.monotonic() - began < 25


def test_a_reader_that_sleeps_is_given_up_by_the_clock() -> None:
    with pytest.raises(UnreadableError, match="time or memory"):
        reading.read("slow.pdf", "", pdf("Anything."), Limits(wall=0))
