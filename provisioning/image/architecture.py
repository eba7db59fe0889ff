"""What the builder has to know of a processor's kind: how Debian, GRUB, pip and llama.cpp call it, and how to compile for it.

Owns: those names and flags.
Does not know: boards (`board`), nor how any of it is used.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

_NEWEST_GLIBC = 41  # trixie's 2.41: wheels for it or older ones run
_OLDEST_GLIBC = 5
_COMMON_FLAGS = (
    "-DGGML_NATIVE=OFF",
    "-DGGML_BACKEND_DL=ON",
    "-DGGML_CPU_ALL_VARIANTS=ON",
    "-DLLAVA_BUILD=OFF",
    # Without these the variants are installed where the wheel does not look.
    "-DCMAKE_INSTALL_BINDIR=llama_cpp/lib",
    "-DCMAKE_INSTALL_LIBDIR=llama_cpp/lib",
)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One kind of processor."""

    name: str  # Debian's word
    machine: str  # uname's
    grub: str  # GRUB's
    boot_file: str  # what UEFI starts from a medium that it does not know
    root_type: str  # the GPT type of a root file system for it
    compiler: str  # the prefix of the cross compiler's commands
    old_wheels: tuple[str, ...]  # platform tags from before manylinux counted by glibc
    without_variants: tuple[
        str, ...
    ]  # of llama.cpp's processors: those that Debian 12's gcc cannot compile for

    @property
    def is_this_machine(self) -> bool:
        """Whether programs for it run here without help."""
        return platform.machine() == self.machine

    @property
    def wheel_platforms(self) -> tuple[str, ...]:
        """Every platform tag of a wheel that runs there, the best first."""
        counted = tuple(
            f"manylinux_2_{minor}_{self.machine}" for minor in range(_NEWEST_GLIBC, _OLDEST_GLIBC - 1, -1)
        )
        return (*counted, *(f"{tag}_{self.machine}" for tag in self.old_wheels), f"linux_{self.machine}")

    @property
    def engine_flags(self) -> tuple[str, ...]:
        """CMake's flags for llama.cpp: code for every processor of the kind, the right one chosen at run time."""
        if self.is_this_machine:
            return _COMMON_FLAGS
        return (
            *_COMMON_FLAGS,
            "-DCMAKE_SYSTEM_NAME=Linux",
            f"-DCMAKE_SYSTEM_PROCESSOR={self.machine}",
            f"-DCMAKE_C_COMPILER={self.compiler}gcc",
            f"-DCMAKE_CXX_COMPILER={self.compiler}g++",
            "-DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER",
        )


ARCHITECTURES = {
    "amd64": Architecture(
        name="amd64",
        machine="x86_64",
        grub="x86_64-efi",
        boot_file="BOOTX64.EFI",
        root_type="4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
        compiler="x86_64-linux-gnu-",
        old_wheels=("manylinux2014", "manylinux2010", "manylinux1"),
        without_variants=(),
    ),
    "arm64": Architecture(
        name="arm64",
        machine="aarch64",
        grub="arm64-efi",
        boot_file="BOOTAA64.EFI",
        root_type="B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
        compiler="aarch64-linux-gnu-",
        old_wheels=("manylinux2014",),
        without_variants=("armv9.2_1", "armv9.2_2"),  # they want +sme, which gcc 12 does not know
    ),
}
