"""A disk that forgets at a power cut what it was not told to keep, as real disks and cards do.

Owns: serving a file to QEMU over NBD, with a write cache in memory; dropping a random part of that cache when the power is cut.
Does not know: QEMU, nor what lies on the disk.

QEMU killed by a signal leaves every write in this machine's page cache, so nothing is ever lost by it. Here a write stays in memory
until the guest flushes, or asks for that one write to be kept (FUA). At the cut each block of 4,096 bytes that was not flushed is
either on the disk or not, whatever the order in which they were written: that is all a real disk promises.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import socket
import struct
import threading
from pathlib import Path
from typing import Self

BLOCK = 4096
_MOST_PENDING = 65_536  # blocks; beyond 256 MB a disk writes of its own accord
_LARGEST = 32 * 1024 * 1024  # bytes of one request

_NBD, _OPTION, _OPTION_REPLY = b"NBDMAGIC", b"IHAVEOPT", 0x0003E889045565A9
_REQUEST, _REPLY = 0x25609513, 0x67446698
_EXPORT_NAME, _ABORT, _GO = 1, 2, 7
_ACK, _INFO, _UNSUPPORTED = 1, 3, 2**31 + 1
_FLAGS = 1 | 4 | 8 | 32 | 64  # flags are meant; flush, FUA, trim, write zeroes
_READ, _WRITE, _DISCONNECT, _FLUSH, _TRIM, _WRITE_ZEROES = 0, 1, 2, 3, 4, 6
_FUA = 1
_INVALID = 22
_PUNCH_HOLE = 1 | 2

_libc = ctypes.CDLL(None, use_errno=True)


class VolatileDisk:
    """One file as a disk, for one QEMU at a time."""

    def __init__(self, file: Path, socket_path: Path) -> None:
        """Opens the file; `start` serves it."""
        self.path = socket_path
        self._file = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        self._size = os.fstat(self._file).st_size
        self._pending: dict[int, bytes] = {}
        self._lock = threading.Lock()
        self._powered = True
        self._listener = socket.socket(socket.AF_UNIX)
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="disk", daemon=True)

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        self._listener.bind(str(self.path))
        self._listener.listen(1)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Power off in order: what is in the cache is written."""
        if self._powered:
            with self._lock:
                self._keep(list(self._pending))
        self._stop()

    def cut(self, chance: random.Random) -> tuple[int, int]:
        """The power goes: of what was not flushed each block is kept or dropped by chance.

        Args:
            chance: Decides.

        Returns:
            How many blocks were kept and how many dropped.
        """
        with self._lock:
            self._powered = False
            kept = [number for number in self._pending if chance.random() < 0.5]
            dropped = len(self._pending) - len(kept)
            self._keep(kept)
            self._pending.clear()
        self._stop()
        return len(kept), dropped

    @property
    def pending(self) -> int:
        """How many blocks wait for a flush."""
        return len(self._pending)

    def _stop(self) -> None:
        for each in (self._connection, self._listener):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._thread.join(10)
        with self._lock, contextlib.suppress(OSError):
            os.close(self._file)
        self.path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connection = connection
            with contextlib.suppress(OSError, EOFError), connection:
                if self._agree(connection):
                    while self._answer(connection):
                        pass

    def _agree(self, connection: socket.socket) -> bool:
        connection.sendall(_NBD + _OPTION + struct.pack(">H", 1))
        _receive(connection, 4)
        while True:
            _, option, length = struct.unpack(">8sII", _receive(connection, 16))
            _receive(connection, length)
            if option == _EXPORT_NAME:
                connection.sendall(struct.pack(">QH", self._size, _FLAGS) + bytes(124))
                return True
            if option == _GO:
                _tell(connection, option, _INFO, struct.pack(">HQH", 0, self._size, _FLAGS))
                _tell(connection, option, _INFO, struct.pack(">HIII", 3, 512, BLOCK, _LARGEST))
                _tell(connection, option, _ACK)
                return True
            _tell(connection, option, _ACK if option == _ABORT else _UNSUPPORTED)
            if option == _ABORT:
                return False

    def _answer(self, connection: socket.socket) -> bool:
        magic, flags, kind, cookie, offset, length = struct.unpack(">IHHQQI", _receive(connection, 28))
        if magic != _REQUEST or kind == _DISCONNECT:
            return False
        data = _receive(connection, length) if kind == _WRITE else b""
        answer, error = b"", 0
        with self._lock:
            if not self._powered:
                return False
            if kind in (_READ, _WRITE) and (length > _LARGEST or offset + length > self._size):
                error = _INVALID
            elif kind == _READ:
                answer = self._read(offset, length)
            else:
                self._change(kind, offset, length, data)
                if flags & _FUA:
                    self._keep([number for number in _blocks(offset, length) if number in self._pending])
        connection.sendall(struct.pack(">IIQ", _REPLY, error, cookie) + answer)
        return True

    def _read(self, offset: int, length: int) -> bytes:
        found = os.pread(self._file, length, offset)
        hits = (
            [number for number in _blocks(offset, length) if number in self._pending] if self._pending else []
        )
        if not hits:
            return found
        whole = bytearray(found)
        for number in hits:
            begin = number * BLOCK
            first, last = max(begin, offset), min(begin + BLOCK, offset + length)
            whole[first - offset : last - offset] = self._pending[number][first - begin : last - begin]
        return bytes(whole)

    def _change(self, kind: int, offset: int, length: int, data: bytes) -> None:
        if kind == _FLUSH:
            self._keep(list(self._pending))
        elif kind == _WRITE:
            self._take(offset, data)
        elif kind == _WRITE_ZEROES:
            self._zero(offset, length)

    def _take(self, offset: int, data: bytes) -> None:
        for number in _blocks(offset, len(data)):
            begin = number * BLOCK
            first, last = max(begin, offset), min(begin + BLOCK, offset + len(data))
            piece = data[first - offset : last - offset]
            if len(piece) < BLOCK:
                before = self._pending.get(number) or os.pread(self._file, BLOCK, begin).ljust(BLOCK, b"\0")
                piece = before[: first - begin] + piece + before[last - begin :]
            self._pending.pop(number, None)  # the newest stand last
            self._pending[number] = piece
        if len(self._pending) > _MOST_PENDING:
            self._keep(list(self._pending)[: len(self._pending) // 2])

    def _zero(self, offset: int, length: int) -> None:
        """At once on the disk: these are large, and dropping them would only test more of the same."""
        inner = range(-(-offset // BLOCK), (offset + length) // BLOCK)
        for number in [number for number in self._pending if number in inner]:
            del self._pending[number]
        if inner:
            begin, size = inner.start * BLOCK, len(inner) * BLOCK
            if _libc.fallocate(self._file, _PUNCH_HOLE, ctypes.c_long(begin), ctypes.c_long(size)):
                raise OSError(ctypes.get_errno(), "fallocate")
            self._take(offset, bytes(begin - offset))
            self._take(begin + size, bytes(offset + length - begin - size))
        else:
            self._take(offset, bytes(length))

    def _keep(self, numbers: list[int]) -> None:
        for number in numbers:
            os.pwrite(self._file, self._pending.pop(number), number * BLOCK)


def _blocks(offset: int, length: int) -> range:
    return range(offset // BLOCK, -(-(offset + length) // BLOCK))


def _receive(connection: socket.socket, length: int) -> bytes:
    pieces, missing = [], length
    while missing:
        piece = connection.recv(min(missing, 1 << 20))
        if not piece:
            raise EOFError
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _tell(connection: socket.socket, option: int, kind: int, data: bytes = b"") -> None:
    connection.sendall(struct.pack(">QIII", _OPTION_REPLY, option, kind, len(data)) + data)
