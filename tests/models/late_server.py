"""A server over TLS that says the rest when nobody waits for it any more, and the files that the late words must not reach.

Owns: its lines and certificate, and looking whether the files are as they were. Does not know: who asks.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

PATIENCE_S = 4.0  # within which a busy machine, too, has spoken the first half


class LateServer:
    """To each request it says the same: one half at once, the other when it is told to."""

    def __init__(self, folder: Path, first: bytes, rest: bytes) -> None:
        """Begins to listen at the with statement.

        Args:
            folder: Gets the certificate of its authority.
            first: Said at once.
            rest: Said late.
        """
        self.authority = folder / "authority.pem"
        self.tell_rest = threading.Event()
        self.asked = 0
        self.left = threading.Semaphore(0)  # one for each line whose other end hung up
        self._first, self._rest = first, rest
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._tls)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._listen, daemon=True)]

    @property
    def url(self) -> str:
        """Where its one file is."""
        return f"https://127.0.0.1:{self._socket.getsockname()[1]}/model.gguf"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.tell_rest.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)
        self._socket.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _address = self._socket.accept()
                self._threads.append(threading.Thread(target=self._answer, args=(line,), daemon=True))
                self._threads[-1].start()

    def _answer(self, line: socket.socket) -> None:
        line.settimeout(10)
        with line, contextlib.suppress(OSError), self._tls.wrap_socket(line, server_side=True) as protected:
            if not protected.recv(1 << 16):
                return
            self.asked += 1
            protected.sendall(self._first)
            self.tell_rest.wait(timeout=30)
            with contextlib.suppress(OSError):
                protected.sendall(self._rest)
                while protected.recv(1 << 16):
                    pass
            self.left.release()


class OtherFiles:
    """Files opened next: they get the numbers of whatever was closed before."""

    def __init__(self, folder: Path) -> None:
        """Opens them to be read and written, as a file that is arriving is."""
        self._content = b"GGUF" + bytes(range(200))
        self._files: dict[Path, int] = {}
        for name in range(16):
            path = folder / f"other-{name}"
            path.write_bytes(self._content)
            self._files[path] = os.open(path, os.O_RDWR)

    def close_untouched(self) -> bool:
        """Whether nobody read from any of them, or wrote to it."""
        places = [os.lseek(number, 0, os.SEEK_CUR) for number in self._files.values()]
        for number in self._files.values():
            os.close(number)
        return not any(places) and all(path.read_bytes() == self._content for path in self._files)


def ended(name: str) -> bool:
    """Whether all threads of this name end sooner than a line that stalls is given up."""
    for thread in [thread for thread in threading.enumerate() if thread.name == name]:
        thread.join(timeout=20)
    return all(thread.name != name for thread in threading.enumerate())
