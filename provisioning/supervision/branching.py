"""supervisord, of which every process of the house is a branch.

Owns: that a process of the house is a fork of supervisord which goes on in Python, instead of another Python that begins anew.
Does not know: what is started (the files in `conf.d/`), nor what becomes of it (`launch`, `agent.__main__`).

What all processes of the house import - Flask, httpx, SQLite, the ground - is loaded once, before the first of them begins, and lies in
memory once: the kernel copies a page only when somebody writes to it. So does what is built when something is done for the first time,
such as the table of settings. A command that is not the house's own is executed as ever.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import os
import shlex
import signal
import ssl
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from wsgiref.util import setup_testing_defaults

from flask import Flask
from supervisor import supervisord
from supervisor.options import ServerOptions
from supervisor.states import SupervisorStates

from agent import settings

# What nearly every process needs; one that needs less wastes nothing, because the pages are there anyway.
PRELOADED = (
    "agent.__main__",
    "agent.embed",
    "agent.errors",
    "agent.logs",
    "agent.message",
    "agent.models.sets",
    "agent.processes",
    "agent.registry",
    "agent.settings",
    "agent.store",
    "agent.wire.call",
    "agent.wire.serve",
    "asyncio",
    "encodings.idna",
    "httpcore",
    "zeroconf",
)
_SUPERVISORS_SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGCHLD,
    signal.SIGUSR2,
)
_SET_NAME = 15  # PR_SET_NAME
_BROKEN = 1


class Options(ServerOptions):  # type: ignore[misc]  # supervisor has no types
    """supervisord's options, with another way to begin a process."""

    def execve(self, filename: str, words: list[str], environment: Mapping[str, str]) -> None:
        """What supervisord calls in the forked child, with everything prepared: files, user, folder, umask.

        Raises:
            OSError: The command is another than the house's own, and cannot be executed.
        """
        own = _own_words(words, environment.get("NISSE_COMMAND", ""))
        if own is None:
            os.execve(filename, words, environment)  # noqa: S606 - as supervisord would
        else:
            _branch(*own, environment)


def run(words: Sequence[str]) -> None:
    """Runs supervisord until it is told to end. Whoever calls this has switched the collector off.

    Args:
        words: Its own command line.
    """
    for name in PRELOADED:
        importlib.import_module(name)
    _rehearse()
    gc.collect()
    gc.freeze()  # the collector writes to what it looks at, and would have each process copy it
    gc.enable()
    is_first = True
    while True:  # as supervisord's own main: again when it was told to read its files anew
        options: Any = Options()
        options.realize(list(words), doc=supervisord.__doc__)
        options.first, options.test = is_first, False
        supervisord.go(options)
        options.close_httpservers()
        options.close_logger()
        is_first = False
        if options.mood < SupervisorStates.RESTARTING:
            return


def _rehearse() -> None:
    """Does once what each process does at its start, for what stays of it in memory; to be called when all is loaded."""
    settings.table()
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    application = Flask(__name__, static_folder=None)
    environment: dict[str, Any] = {}
    setup_testing_defaults(environment)
    application(environment, lambda _status, _headers, _failed=None: lambda _body: None)


def _own_words(words: Sequence[str], command: str) -> tuple[str, list[str]] | None:
    """The module that the house's command runs, and what comes behind it; None for another command."""
    prefix = shlex.split(command)
    if len(prefix) < len(("-m", "module")) or prefix[-2] != "-m" or list(words[: len(prefix)]) != prefix:
        return None
    return prefix[-1], list(words[len(prefix) :])


def _branch(module: str, words: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Goes on as another process, and ends with it; never returns into supervisord's loop."""
    status = _BROKEN
    try:
        for number in _SUPERVISORS_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [module, *words]
        _call_oneself(words)
        status = int(importlib.import_module(module).main() or 0)
    except SystemExit as ended:
        status = _status(ended)
    except BaseException:  # noqa: BLE001 - the last to see it: whatever it was, it is said and the process ends
        traceback.print_exc()
    finally:
        _end(status)


def _call_oneself(words: list[str]) -> None:
    """What `top`, `ps -e` and the kernel's word on who was killed call this process, such as nisse-brain; 15 letters at most."""
    name = "-".join(("nisse", *words[-1:]))
    ctypes.CDLL(None).prctl(_SET_NAME, name.encode()[:15], 0, 0, 0)


def _status(ended: SystemExit) -> int:
    if ended.code is None:
        return 0
    if isinstance(ended.code, int):
        return ended.code
    print(ended.code, file=sys.stderr)  # noqa: T201 - as Python itself does
    return _BROKEN


def _end(status: int) -> NoReturn:
    """As an interpreter ends, but without taking down what belongs to supervisord."""
    try:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
        atexit._run_exitfuncs()  # noqa: SLF001 - as the standard library's own forked processes do
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(status)
