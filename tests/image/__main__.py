"""`make boot`: the built image as a box on this desk, in QEMU, until Ctrl-C presses its power button.

Owns: the words for people, and the medium that is kept between two starts.
Does not know: QEMU (see `machine`).
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import time
from pathlib import Path

from tests.image import acceleration
from tests.image.boards import BOARDS
from tests.image.conftest import image_of
from tests.image.machine import GIGABYTE, Hardware, Machine
from tests.image.report import CHECKOUT
from tests.image.resident import CODE

_LONGEST_START_S = 900.0
_HELP = """
  The box is up after {seconds:.0f} s:   {url}
{code}
  Its mail door, encrypted and with your address and password:

    swaks --server 127.0.0.1:{door} --tls --auth LOGIN --auth-user YOU@EXAMPLE.ORG --auth-password YOUR-PASSWORD \\
      --from YOU@EXAMPLE.ORG --to nisse@localhost --header 'Subject: Hello' --body 'What can you do?'

  What it says on its serial port: {serial}
  Its medium stays in {folder} until the next `make boot FRESH=1`.  Ctrl-C presses the power button.
"""


def main() -> int:
    """The command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="make boot", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--board", choices=sorted(BOARDS), default="pc")
    parser.add_argument(
        "--image", type=Path, help="the image, not compressed; else the one that was built last"
    )
    parser.add_argument("--fresh", action="store_true", help="write the image onto the medium anew")
    parser.add_argument("--internet", action="store_true", help="let the box reach the internet")
    parser.add_argument("--memory", type=int, default=2048, help="MB")
    parser.add_argument("--disk", type=int, default=16, help="GB")
    parser.add_argument("--portal", type=int, default=8080, help="port of the portal on this machine")
    parser.add_argument("--door", type=int, default=8025, help="port of the mail door on this machine")
    given = parser.parse_args()
    folder = CHECKOUT / "build" / "boot" / given.board
    if given.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        image = given.image or image_of(given.board)
    except AssertionError as missing:
        print(f"boot: {missing}", file=sys.stderr)
        return 1
    hardware = Hardware(
        board=given.board,
        memory_mb=given.memory,
        has_internet=given.internet,
        portal_port=given.portal,
        door_port=given.door,
    )
    with Machine(folder, image, disk_bytes=given.disk * GIGABYTE, hardware=hardware) as machine:
        return _live(machine)


def _live(machine: Machine) -> int:
    slow = acceleration.is_emulated(machine.board)
    print(
        "KVM does not work here, so the box is emulated: a start takes a minute or two."
        if slow
        else "Starting the box ..."
    )
    try:
        seconds = machine.plug_in().until_up(_LONGEST_START_S)
        print(_HELP.format(seconds=seconds, url=machine.url, code=_code(machine), door=machine.door_port,
                           serial=machine.serial_log, folder=machine.folder))  # fmt: skip
        while machine.keep_on():
            time.sleep(1)
        print("The box has switched itself off.")
    except (AssertionError, RuntimeError) as failed:
        print(f"boot: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSwitching off ...")
        with contextlib.suppress(AssertionError):
            machine.switch_off()
    return 0


def _code(machine: Machine) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = CODE.findall(machine.serial.decode("utf-8", "replace"))
        if found:
            return f"\n  Claim code, as its screen shows it:   {found[-1]}\n"
        time.sleep(1)
    return ""


if __name__ == "__main__":
    sys.exit(main())
