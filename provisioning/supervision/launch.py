"""`python -m provisioning.supervision.launch SERVICE`: becomes the process's own user within its own limits, then is the process.

Owns: the order: log, control group, place in the order of the dying, limits, user, and no way back.
Does not know: which limits (`profiles`), nor what the process does.

supervisord runs it as root, on the box only; on a desk the command is started as it is. Nothing is executed anew afterwards: Python
is running already, and much of the house with it (`__main__`).
"""

from __future__ import annotations

import contextlib
import ctypes
import grp
import importlib
import os
import pwd
import resource
import socket
import sys
from pathlib import Path

from provisioning.supervision import groups
from provisioning.supervision.profiles import Profile, most_memory, profile

_JOURNAL = "/run/systemd/journal/stdout"
_INFORMATION = 6  # syslog's priority
_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS
_UMASK = 0o007  # the group of a folder decides who else may read: the shelf's readers, and nobody elsewhere
_ONLY_SUPERVISORS = (
    "SUPERVISOR_SERVER_URL",
    "SUPERVISOR_ENABLED",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
)


def main() -> int:
    """Becomes the process that the command line names; returns its exit status."""
    words = sys.argv[1:]
    name = "-".join(words)
    limits = profile(name)
    _log_to_journal(name)
    _enter_group(name, limits)
    _limit(limits)
    become(limits.user)
    for variable in _ONLY_SUPERVISORS:
        os.environ.pop(variable, None)
    sys.argv = ["nisse", *words]
    return int(importlib.import_module("agent.__main__").main())


def _log_to_journal(name: str) -> None:
    """Sends what the process says straight to the journal, under its own name; without a journal supervisord keeps it."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as journal:
        journal.connect(_JOURNAL)
        # identifier, unit, priority, whether lines begin with a priority, and three times: forward it elsewhere
        journal.sendall(f"nisse-{name}\n\n{_INFORMATION}\n0\n0\n0\n0\n".encode())
        for descriptor in (1, 2):
            os.dup2(journal.fileno(), descriptor)


def _enter_group(name: str, limits: Profile) -> None:
    house = groups.house()
    if house is None:
        return
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    values = {
        "memory.max": str(most_memory(limits, total)),
        "memory.swap.max": "max" if limits.swap else "0",
        "memory.oom.group": "1",
        "pids.max": str(limits.tasks),
        "cpu.weight": str(limits.weight),
    }
    try:
        groups.enter(house, name, values)
    except OSError as failed:  # better without a limit than not at all
        print(f"{name} has no limit on its memory: {failed}", file=sys.stderr)  # noqa: T201 - no log is set up yet


def _limit(limits: Profile) -> None:
    """What a process may not raise again. Its place in the order of the dying can only go up from supervisord's."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(limits.dies), encoding="ascii")
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits.files, limits.files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(_UMASK)


def become(user: str) -> None:
    """Becomes that user for good.

    Raises:
        SystemExit: There is no such user.
    """
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise SystemExit(f"There is no user {user}; the image is incomplete.") from None
    belongs_to = [group.gr_gid for group in grp.getgrall() if user in group.gr_mem]
    os.setgroups(belongs_to)
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    os.environ.update(HOME=os.environ.get("NISSE_HOME", "/"), USER=user, LOGNAME=user)
    ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
