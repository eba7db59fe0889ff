"""A name server on loopback, speaking the real protocol over UDP and TCP, for the TXT records that tests publish.

Owns: its socket, what it answers, and how it fails when a test wants that.
Does not know: what the records are for.
"""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

_LONGEST_PIECE = 255  # bytes of one string of a TXT record
_TTL_S = 1


class NameServer:
    """Answers for as long as the `with` block lasts."""

    def __init__(self, records: Mapping[str, str] | None = None) -> None:
        """Takes a port; nothing answers yet.

        Args:
            records: TXT records by name.
        """
        self.records = dict(records or {})
        self.asked: list[str] = []  # every name that was asked for
        self.fails = False  # answers SERVFAIL
        self.is_silent = False  # answers nothing at all
        self._udp, self._tcp = _pair()
        self._udp.office = self._tcp.office = self
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            for server in (self._udp, self._tcp)
        ]

    @property
    def address(self) -> str:
        """Its address and port, as the setting wants them."""
        host, port = self._udp.server_address[:2]
        return f"{host!s}:{port}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join(30)

    def answer(self, wire: bytes, longest: int) -> bytes:
        """What it says to a question; nothing where it is silent.

        Args:
            wire: The question.
            longest: Longest answer, in bytes; a longer one is cut, so that it is asked for by TCP.
        """
        question = dns.message.from_wire(wire)
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        if self.is_silent:
            return b""
        response = dns.message.make_response(question, recursion_available=True)
        text = self.records.get(name)
        if self.fails:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif text is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.question[0].rdtype == dns.rdatatype.TXT:
            pieces = [text[at : at + _LONGEST_PIECE] for at in range(0, len(text), _LONGEST_PIECE)] or [""]
            quoted = " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)
            response.answer.append(
                dns.rrset.from_text(question.question[0].name, _TTL_S, "IN", "TXT", quoted)
            )
        whole = response.to_wire()
        if len(whole) <= longest:
            return whole
        response.answer.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()


def _pair() -> tuple[_Udp, _Tcp]:
    """Two servers on one port, which must be free for both."""
    while True:
        udp = _Udp(("127.0.0.1", 0), _UdpHandler)
        try:
            return udp, _Tcp(udp.server_address, _TcpHandler)
        except OSError:
            udp.server_close()


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    office: NameServer


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    office: NameServer


class _UdpHandler(socketserver.BaseRequestHandler):
    server: Any

    def handle(self) -> None:
        wire, connection = self.request
        found = self.server.office.answer(wire, 512)
        if found:
            connection.sendto(found, self.client_address)


class _TcpHandler(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        with contextlib.suppress(struct.error, OSError):
            (length,) = struct.unpack("!H", self.rfile.read(2))
            found = self.server.office.answer(self.rfile.read(length), 65_535)
            if found:
                self.wfile.write(struct.pack("!H", len(found)) + found)
