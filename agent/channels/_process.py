"""A channel's process: its loops, each in a thread, until it is told to end.

Owns: the signal, what becomes of a loop that breaks, and that each is heard of (`_life`).
Does not know: what the loops do. They may be cut off anywhere: a channel survives that, or it is wrong.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from agent.channels import _life
from agent.errors import NisseError

_log = logging.getLogger(__name__)


def run_until_told(*loops: Callable[[], None]) -> None:
    """Runs the loops until SIGTERM. A loop may return when nothing is left for it to do.

    Each must say that it goes on, by waiting with `_life`, or the supervisor starts the process afresh; without a loop there is this
    thread alone, which waits.

    Raises:
        NisseError: A loop broke; the log says how. The supervisor then starts the process afresh.
    """
    broken = threading.Event()
    signal.signal(signal.SIGTERM, _leave)
    life = _life.of_this_process()
    for number, loop in enumerate(loops, 1):
        _life.begins(life, number)
        threading.Thread(
            target=_guarded, args=(loop, broken, life, number), name=loop.__qualname__, daemon=True
        ).start()
    with _life.running(life, 0):
        while not _life.wait(broken, _life.SLICE_S):
            pass
    raise NisseError(
        "The channel broke and must be started afresh.", hint="The line above in the log says why."
    )


def _guarded(loop: Callable[[], None], broken: threading.Event, life: _life.Life | None, number: int) -> None:
    try:
        with _life.running(life, number):
            loop()
    except Exception:  # noqa: BLE001 - whatever it was, the supervisor can only start afresh
        _log.exception("channel.broke")
        broken.set()


def _leave(_signal: int, _frame: Any) -> None:
    sys.exit(0)
