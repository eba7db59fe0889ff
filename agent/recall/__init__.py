"""Recall: the house's memory. It holds documents and what people said, and finds the passages that bear on a question.

Two families of plug-ins, one file each; adding one means adding the file and editing nothing (see `agent/registry.py`).

**A document format** is a file in `readers/`. It declares, as plain literals, by what its documents are known, so that one can be
chosen without importing the library it needs, and it has one function:

    SUFFIXES = (".pdf",)                     of file names, in lower case
    MEDIA_TYPES = ("application/pdf",)
    MAGIC = (b"%PDF-",)                      optional: the document's first bytes; they count for more than any name
    CONFINED = True                          optional: read in a child process with little memory and time

    def read(data: bytes, limits: Limits) -> Iterator[Page]

It yields the document's text page by page, in order, and raises `UnreadableError` with a hint where it cannot, `TooLargeError` where
a limit is passed. Together, the pages' texts are the document's text; all offsets count in it. A hostile document must not be able
to hang it: a format with a complicated parser is `CONFINED`.

**A kind of embedding model** is a file in `embed/`. It declares the suffix of the model file that it runs, and it has one class:

    SUFFIX = ".onnx"

    class Embedder:
        def __init__(self, model_file: Path) -> None      further files of the model lie beside the first
        dimensions: int
        def embed(self, texts: Sequence[str]) -> NDArray[float32]       one row a text, each of length 1

It may be called from several threads at once. What it raises is turned into `ModelError` by `embedding.py`.
"""
