"""What each process of the house may take and be on the box.

Owns: the table.
Does not know: how limits are set (`launch`, `groups`).

In the order of those who die first of too little memory: the brain (supervisord starts it again, and it steps down to a smaller
model), then what fetches and reads, last the inbox and the page by which people see what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1024 * 1024
_LEFT_BY_THE_BRAIN = 700 * MEGABYTE


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The limits of one process."""

    user: str
    memory: int = 320 * MEGABYTE  # bytes, of its control group
    memory_kept: int = 0  # bytes of the box that it leaves to others, instead of `memory`
    swap: bool = True
    dies: int = 0  # oom_score_adj: the higher, the sooner
    weight: int = 100  # of the processors, when they are wanted by several
    tasks: int = 128
    files: int = 1024


PROFILES = {
    # Somebody waits for the page and for being let in: these two go first, at the start above all.
    "portal": Profile(user="nisse-portal", memory=400 * MEGABYTE, dies=-200, weight=1000),
    "conversation": Profile(user="nisse-conversation", dies=-300, weight=1000),
    "recall": Profile(user="nisse-recall", memory=700 * MEGABYTE, dies=200),
    "updates": Profile(user="nisse-updates", memory=256 * MEGABYTE, dies=400, weight=20),
    "channel-mail": Profile(user="nisse-channel-mail", dies=100),
    "channel-door": Profile(user="nisse-channel-door", memory=400 * MEGABYTE, dies=100),
    "brain": Profile(
        user="nisse-brain",
        memory_kept=_LEFT_BY_THE_BRAIN,
        swap=False,  # a model in swap answers nobody
        dies=800,
        weight=50,
        tasks=512,
        files=4096,
    ),
}
# A channel that somebody adds has no line here; it runs as the mail channel does, in a group of its own.
ANOTHER = Profile(user="nisse-channel-mail", dies=200)


def profile(name: str) -> Profile:
    """The limits of a process by its name in supervisord."""
    return PROFILES.get(name, ANOTHER)


def most_memory(limits: Profile, total: int) -> int:
    """Bytes that the process's control group may hold.

    Args:
        limits: The process's profile.
        total: Bytes of memory in the box.
    """
    if limits.memory_kept:
        return max(total // 2, total - limits.memory_kept)
    return min(limits.memory, total // 2)
