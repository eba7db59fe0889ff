"""U-Boot's settings as a file: what is built into the program, with a few of them changed.

Owns: reading the settings out of the program, and the form of `uboot.env`.
Does not know: which settings are changed, nor why.

A file with settings replaces all that are built in, so it must repeat them.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from agent.errors import SettingsError

SIZE = 0x4000  # CONFIG_ENV_SIZE of Debian's rpi_arm64; U-Boot refuses a file of another size
_CHECKSUM = 4  # bytes, CRC-32 of all that follows, little-endian
_BEGIN = b"\0bootcmd="
_END = b"\0\0"


def built_in(program: bytes) -> dict[str, str]:
    """The settings that are built into U-Boot.

    Raises:
        SettingsError: They are not found.
    """
    begin = program.find(_BEGIN)
    end = program.find(_END, begin + 1)
    if program.count(_BEGIN) != 1 or end < 0 or end - begin > SIZE:
        raise SettingsError(
            "The built-in settings of U-Boot were not found.",
            hint="This version of u-boot-rpi is built differently.",
        )
    pairs = (line.decode("ascii", "replace").partition("=") for line in program[begin + 1 : end].split(b"\0"))
    return {name: value for name, _, value in pairs}


def environment(program: bytes, changes: Mapping[str, str]) -> bytes:
    """The content of `uboot.env`.

    Args:
        program: U-Boot itself.
        changes: Settings that are to be other than it has them.
    """
    settings = built_in(program) | dict(changes)
    lines = b"".join(f"{name}={value}\0".encode("ascii") for name, value in sorted(settings.items()))
    content = (lines + b"\0").ljust(SIZE - _CHECKSUM, b"\0")
    if len(content) != SIZE - _CHECKSUM:
        raise SettingsError(f"The settings of U-Boot are longer than {SIZE} bytes.")
    return zlib.crc32(content).to_bytes(_CHECKSUM, "little") + content
