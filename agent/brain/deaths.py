"""Deaths of too little memory: noticed at the next start, remembered, and told to the owner.

Owns: a small file, and the rule. A process that serves a model writes which one, and how often the kernel had killed for want of
memory by then: in its own control group where there is one, else on the box. As long as it lives on, what is killed are others, and
it takes note. If it did not end in good order and the kernel has killed since, that was such a death. It counts until the box is started
anew, or other models or settings are at hand: then conditions are new, and the model may try again. Any other end without order is
counted as well, for those who watch over a new model.
Does not know: what a death leads to (`fit`), or how a model is loaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import threading
from pathlib import Path
from typing import Any

from agent import logs
from agent.brain.box.kernel import ROOT, groups, text

_log = logging.getLogger(__name__)

_KILLS = re.compile(r"^oom_kill (\d+)", re.MULTILINE)


class Deaths:
    """What is known of this boot's deaths."""

    def __init__(self, file: Path, *, conditions: str, root: Path = ROOT) -> None:
        """Looks at how the last process ended.

        Args:
            file: Where it is remembered; its folder is there.
            conditions: All on which a model's need of memory depends; deaths under other conditions do not count.
            root: Where `/proc` and `/sys` are found.
        """
        self._file = file
        self._root = root
        self._conditions = hashlib.sha256(conditions.encode()).hexdigest()
        self._boot = text(root / "proc/sys/kernel/random/boot_id")
        self._lock = threading.Lock()
        self._serving: dict[str, Any] | None = None  # as this process wrote it
        self.counts: dict[str, int] = {}  # by the model's name
        self.crashes: dict[str, int] = {}  # ends without order of whatever kind, by the model's name
        self.notice = ""  # for the owner
        self._look()

    def begins(self, model: str, title: str, context: int) -> None:
        """A model is about to be loaded."""
        with self._lock:
            self._serving = {"model": model, "title": title, "context": context, "kills": self._kills()}
            self._write(self._serving)

    def survives(self) -> None:
        """We are still here: those whom the kernel has killed until now were others."""
        with self._lock:
            kills = self._kills()
            if self._serving and self._serving["kills"] != kills:
                self._serving = {**self._serving, "kills": kills}
                self._write(self._serving)

    def ends(self) -> None:
        """It was let go in good order."""
        with self._lock:
            self._serving = None
            self._write(None)

    def _look(self) -> None:
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
            same = known["boot"] == self._boot and known["conditions"] == self._conditions
            if not same:
                return
            self.counts = {str(name): int(count) for name, count in known["deaths"].items()}
            self.crashes = {str(name): int(count) for name, count in known.get("crashes", {}).items()}
            self.notice = str(known["notice"])
            self._judge(known["serving"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # None yet, or torn: as if nothing had happened.
            self.counts, self.crashes, self.notice = {}, {}, ""

    def _judge(self, serving: dict[str, Any] | None) -> None:
        if serving is None:
            return
        model = str(serving["model"])
        if not serving.get("counted"):
            self.crashes[model] = self.crashes.get(model, 0) + 1
        if not _risen(serving["kills"], self._kills()):
            self._write({**serving, "counted": True})
            return
        self.counts[model] = self.counts.get(model, 0) + 1
        self.notice = (
            f"The box ran out of memory with {serving['title']} and conversations of {serving['context']} tokens. "
            "I make do with less now. If there is more memory again, restart the box and I try anew."
        )
        logs.event(_log, "model.died", level=logging.ERROR, model=model, deaths=self.counts[model])
        self._write(None)

    def _kills(self) -> dict[str, int]:
        """How often the kernel has killed for want of memory: on the box, and in our own control group, whose count has those of the
        box in it that were of the group."""
        sources = {"box": self._root / "proc/vmstat"}
        for folder, version in groups(self._root, "memory"):
            sources["own"] = folder / ("memory.events" if version == 2 else "memory.oom_control")
            break
        found = {name: _KILLS.search(text(source)) for name, source in sources.items()}
        return {name: int(match[1]) for name, match in found.items() if match}

    def _write(self, serving: dict[str, Any] | None) -> None:
        """Not synced to the medium: what a power cut takes with it belongs to a boot that is over."""
        content = {
            "boot": self._boot,
            "conditions": self._conditions,
            "deaths": self.counts,
            "crashes": self.crashes,
            "notice": self.notice,
            "serving": serving,
        }
        with contextlib.suppress(OSError):  # a full disk: then the next death goes unnoticed
            temporary = self._file.with_suffix(".new")
            temporary.write_text(json.dumps(content), encoding="utf-8")
            temporary.replace(self._file)


def _risen(before: dict[str, int], now: dict[str, int]) -> bool:
    narrowest = "own" if "own" in before and "own" in now else "box"
    return now.get(narrowest, 0) > before.get(narrowest, 0)
