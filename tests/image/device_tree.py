"""Reads a flattened device tree as far as a test needs: every node's path with its properties.

Owns: the format (Devicetree Specification 0.4, chapter 5).
Does not know: any board.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_MAGIC = 0xD00DFEED
_BEGIN, _END, _PROPERTY, _NOTHING, _LAST = 1, 2, 3, 4, 9


@dataclass(frozen=True)
class DeviceTree:
    """The nodes by path; `/` is the root."""

    nodes: dict[str, dict[str, bytes]]

    @classmethod
    def read(cls, content: bytes) -> DeviceTree:
        """The tree in a `.dtb` file.

        Raises:
            ValueError: It is none.
        """
        magic, size, structure, names = struct.unpack_from(">4I", content)
        if magic != _MAGIC or size != len(content):
            raise ValueError("this is no device tree, or not all of it")
        nodes: dict[str, dict[str, bytes]] = {}
        path: list[str] = []
        at = structure
        while (token := struct.unpack_from(">I", content, at)[0]) != _LAST:
            at += 4
            if token == _BEGIN:
                end = content.index(b"\0", at)
                path.append(content[at:end].decode())
                nodes["/".join(path) or "/"] = {}
                at = (end + 4) & ~3
            elif token == _END:
                path.pop()
            elif token == _PROPERTY:
                length, name = struct.unpack_from(">2I", content, at)
                at += 8
                word = content[names + name : content.index(b"\0", names + name)].decode()
                nodes["/".join(path) or "/"][word] = content[at : at + length]
                at = (at + length + 3) & ~3
            elif token != _NOTHING:
                raise ValueError(f"a device tree has no token {token}")
        return cls(nodes)

    def words(self, path: str, name: str) -> list[str]:
        """A property's strings; none if it is not there."""
        value = self.nodes.get(path, {}).get(name, b"")
        return [word.decode() for word in value.split(b"\0") if word]

    def compatible(self, word: str) -> list[str]:
        """Paths of the nodes that are what the word says and are not switched off."""
        return [
            path
            for path in self.nodes
            if word in self.words(path, "compatible") and self.words(path, "status") in ([], ["okay"])
        ]
