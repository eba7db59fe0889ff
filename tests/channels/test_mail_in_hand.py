"""The note of the mail in hand while its process ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.source_tree import CHECKOUT

# Those who registered first are called last.
ENDING = """
import atexit, os, sys
atexit.register(lambda: print(os.fstat(hand._descriptor).st_size))
from pathlib import Path
from agent.channels.mail.inhand import InHand
from agent.channels.mail import journal
hand = InHand(journal.Journal(journal.opened(Path(sys.argv[1])), "nisse"))
hand._write(b"a mail")
"""


def test_its_file_stays_open_as_long_as_a_thread_may_write(tmp_path: Path) -> None:
    """Closed before, its number would be somebody else's file by the time the note is taken back."""
    program = [sys.executable, "-c", ENDING, str(tmp_path)]
    ended = subprocess.run(program, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "1024", ended.stderr
