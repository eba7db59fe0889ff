"""As much of a Raspberry Pi as QEMU has: a Pi 3 that begins with U-Boot, with our card in its slot.

Owns: starting and ending it, and what it says on its two serial lines.
Does not know: the image.

QEMU has no boot ROM and no VideoCore, so it lays U-Boot and a device tree into memory as they would; from U-Boot on, which reads its
settings and GRUB from the card, all is as on a board. A Pi 4 of QEMU has no working Debian kernel, a Pi 5 there is not, and of the Pi 3's
USB, behind which it has its network, Debian's kernel finds nothing.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.image import emulator

_CARD = 8 << 30  # bytes; QEMU takes powers of two alone
_MEMORY = "1G"


class Pi:
    """One board with its card."""

    def __init__(self, folder: Path, image: Path, uboot: bytes, tree: bytes) -> None:
        """Writes the card; nothing runs yet.

        Args:
            folder: Where card and logs lie.
            image: The image as built, not compressed.
            uboot: The program that the firmware would start.
            tree: The device tree that it would hand over.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.card = folder / "card"
        subprocess.run(["cp", "--sparse=always", str(image), str(self.card)], check=True)
        with self.card.open("r+b") as card:
            card.truncate(_CARD)
        (folder / "u-boot.bin").write_bytes(uboot)
        (folder / "tree.dtb").write_bytes(tree)
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0

    @property
    def said(self) -> str:
        """What it said on both serial lines: U-Boot begins on the first, until it has read the device tree."""
        logs = (self._folder / f"serial{number}.log" for number in (0, 1))
        return "\n".join(log.read_text(encoding="utf-8", errors="replace") for log in logs if log.exists())

    def __enter__(self) -> Self:
        """Switches it on."""
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [
                *emulator.command("aarch64"), "-M", "raspi3b", "-m", _MEMORY, "-display", "none", "-no-reboot",
                "-kernel", str(self._folder / "u-boot.bin"), "-dtb", str(self._folder / "tree.dtb"),
                "-drive", f"if=sd,format=raw,file={self.card}",
                "-serial", f"file:{self._folder / 'serial0.log'}", "-serial", f"file:{self._folder / 'serial1.log'}",
            ],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(30)

    def until(self, holds: Callable[[], object], seconds: float, what: str) -> float:
        """Waits until something holds; the seconds since it was switched on.

        Raises:
            AssertionError: It never did.
        """
        while not holds():
            running = self._process is not None and self._process.poll() is None
            ended = not running or time.monotonic() > self._began + seconds
            assert not ended, f"{what} did not come; last words:\n{self.said[-2000:]}"
            time.sleep(1)
        return time.monotonic() - self._began
