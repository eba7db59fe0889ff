"""What the radios' test runs inside the box, with Python alone: the image has no program for it.

Owns: moving a cable into another network namespace, addresses, a line from the cable into the air, a question to a name server.
Does not know: what is tested.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import socket
import struct
import sys
import threading

_SET_ADDRESS, _SET_MASK, _GET_FLAGS, _SET_FLAGS, _IS_UP = 0x8916, 0x891C, 0x8913, 0x8914, 1  # netdevice(7)
_NEW_LINK, _REQUEST_AND_ANSWER, _NAMESPACE_OF = 16, 5, 19  # rtnetlink(7)
_PATIENCE_S = 20.0


def move(process: int, interface: str) -> None:
    """Moves a network interface into the namespace of a process."""
    index = socket.if_nametoindex(interface)
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, 0, 0)
    body += struct.pack("=HHI", 8, _NAMESPACE_OF, process)
    head = struct.pack("=IHHII", 16 + len(body), _NEW_LINK, _REQUEST_AND_ANSWER, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.sendall(head + body)
        error = -struct.unpack_from("=i", kernel.recv(4096), 16)[0]
    if error:
        raise OSError(error, os.strerror(error))


def address(interface: str, own: str) -> None:
    """Gives an interface an address, such as 10.0.2.15/24, and switches it on."""
    given, name = ipaddress.ip_interface(own), interface.encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kernel:
        for request, value in ((_SET_ADDRESS, given.ip), (_SET_MASK, given.netmask)):
            fcntl.ioctl(kernel, request, struct.pack("=16sHH4s8x", name, socket.AF_INET, 0, value.packed))
        flags = struct.unpack_from("=H", fcntl.ioctl(kernel, _GET_FLAGS, struct.pack("=16s24x", name)), 16)[0]
        fcntl.ioctl(kernel, _SET_FLAGS, struct.pack("=16sH22x", name, flags | _IS_UP))


def relay(port: int, to: str) -> None:
    """Hands every connection to a port on to the same port of another address, until it is ended."""
    with socket.create_server(("", port)) as door:
        while True:
            near, _ = door.accept()
            threading.Thread(target=_connect, args=(near, to, port), daemon=True).start()


def _connect(near: socket.socket, to: str, port: int) -> None:
    with near, contextlib.suppress(OSError), socket.create_connection((to, port), _PATIENCE_S) as far:
        far.settimeout(None)
        threading.Thread(target=_pour, args=(near, far), daemon=True).start()
        _pour(far, near)


def _pour(source: socket.socket, into: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65_536):
            into.sendall(piece)
        into.shutdown(socket.SHUT_WR)


def resolve(name: str, server: str) -> str:
    """The first address that a name server gives (RFC 1035, section 4)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    question = struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(_PATIENCE_S)
        asked.sendto(question, (server, 53))
        answer = asked.recv(4096)
    if struct.unpack_from(">H", answer, 6)[0] == 0:
        raise OSError("no address")
    return socket.inet_ntoa(answer[-4:])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["move", process, interface]:
            move(int(process), interface)
        case ["address", interface, own]:
            address(interface, own)
        case ["relay", port, to]:
            relay(int(port), to)
        case ["resolve", name, server]:
            sys.stdout.write(resolve(name, server))
        case words:
            sys.exit(f"unknown: {words}")
