"""What the builder's tests share: a job that builds into a temporary folder.

Owns: that job. Does not know: any step.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from provisioning.image import board as boards
from provisioning.image.job import Job

LOCK = """\
# a comment
flask==3.1.3 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via nisse
llama-cpp-python==0.3.36 \\
    --hash=sha256:cc
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:dd
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:ee
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:ff
"""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A build of the PC's image."""
    return Job(
        checkout=tmp_path,
        board=boards.load("pc"),
        common=boards.common(),
        version="1.2.3",
        epoch=1_700_000_000,
        lock=LOCK,
        python=sys.executable,
    )
