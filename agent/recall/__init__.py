"""Recall: the house's memory. It holds documents and what people said, and finds the passages that bear on a question.

**A document format** is a file in `readers/`; adding one means adding the file and editing nothing (see `agent/registry.py`). It declares,
as plain literals, by what its documents are known, so that one can be chosen without importing the library it needs, and it has one
function:

    SUFFIXES = (".pdf",)                     of file names, in lower case
    MEDIA_TYPES = ("application/pdf",)
    MAGIC = (b"%PDF-",)                      optional: the document's first bytes; they count for more than any name
    CONFINED = True                          optional: read in a child process with little memory and time

    def read(data: bytes, limits: Limits) -> Iterator[Page]

It yields the document's text page by page, in order, and raises `UnreadableError` with a hint where it cannot, `TooLargeError` where
a limit is passed. Together, the pages' texts are the document's text; all offsets count in it. A hostile document must not be able
to hang it: a format with a complicated parser is `CONFINED`.
"""
