"""Who may talk to RAUC on the box: root, whose helper checks first, and nobody else of the house."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.source_tree import CHECKOUT

RULE = CHECKOUT / "rootfs/etc/dbus-1/system.d/nisse-rauc.conf"
NOBODY = "65534"
# RAUC's own rule, as Debian has it.
THEIRS = """<busconfig>
  <policy context="default"><allow send_destination="de.pengutronix.rauc"/></policy>
  <policy user="root"><allow own="de.pengutronix.rauc"/></policy>
</busconfig>"""
BUS = """<busconfig>
  <listen>unix:path={folder}/bus</listen>
  <servicedir>{folder}</servicedir>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow send_type="signal"/><allow receive_type="method_return"/><allow receive_type="error"/>
    <allow receive_type="signal"/><allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>{theirs}</include>
  <include>{ours}</include>
</busconfig>"""

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        not (shutil.which("dbus-daemon") and shutil.which("dbus-send") and shutil.which("setpriv")),
        reason="dbus is not installed",
    ),
]


@pytest.fixture
def bus(short_path: Path) -> Iterator[str]:
    """The address of a bus with both rules."""
    folder = short_path / "bus-of-a-box"
    folder.mkdir()
    for each in (folder, *folder.parents):
        if str(each).startswith(str(short_path)):
            each.chmod(0o755)
    (folder / "rauc.service").write_text(
        "[D-BUS Service]\nName=de.pengutronix.rauc\nExec=/bin/false\nUser=root\n"
    )
    theirs = folder / "theirs.conf"
    theirs.write_text(THEIRS)
    configuration = folder / "bus.conf"
    configuration.write_text(BUS.format(folder=folder, theirs=theirs, ours=RULE))
    command = ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout
        try:
            yield daemon.stdout.readline().strip()
        finally:
            daemon.terminate()


def asked(bus: str, *as_user: str) -> str:
    """What the bus says to a user who wants a bundle installed; it would start RAUC for it, which here ends at once."""
    words = ("dbus-send", f"--bus={bus}", "--print-reply", "--dest=de.pengutronix.rauc", "/")
    method = "de.pengutronix.rauc.Installer.InstallBundle"
    done = subprocess.run([*as_user, *words, method], capture_output=True, text=True, check=False)
    return done.stderr


def test_only_root_may_have_anything_installed(bus: str) -> None:
    assert "Spawn" in asked(bus), "root is let through"
    nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    assert "AccessDenied" in asked(bus, *nobody)
