"""A call of a tool that a model wrote without the marks: at the beginning of its answer, bare or as a block of code. Pure.

Models trained on code do that, the house's own among them, when nothing but the prompt asks for a call.

Owns: telling such a call from an answer that happens to be JSON: it must name one of the tools that are offered, have arguments, and
nothing else.
Does not know: calls with marks (`calling`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agent.brain import call_json
from agent.brain.call_json import BrokenError

_FENCE = "```"
_OPENINGS = ("", f"{_FENCE}json", _FENCE)
_SPACE = re.compile(r"\s+")


@dataclass
class Untagged:
    """Looks at an answer that grows until it is clear whether it begins with such a call."""

    names: tuple[str, ...]  # of the tools
    most: int  # calls
    done: bool = field(default=False, init=False)
    _held: str = field(default="", init=False)
    _step: str = field(default="opening", init=False)  # opening, call, closing
    _begun: int = field(default=0, init=False)  # where the call begins in what is held
    _tried: int = field(default=0, init=False)  # up to where its end was looked for
    _fenced: bool = field(default=False, init=False)

    def push(self, text: str, *, last: bool) -> tuple[list[tuple[str, str]], str]:
        """Name and arguments of the calls that are whole now, and what is known to be no part of one.

        Args:
            text: The next piece of the answer.
            last: The answer ends with it.
        """
        self._held += text
        calls: list[tuple[str, str]] = []
        going = True
        while going and not self.done:
            if self._step == "call":
                call = self._end()
                going = call is not None
                if call:
                    calls.append(call)
                    self.most -= 1
            elif self._step == "closing":
                going = self._close(last=last)
            else:
                going = self._open()
        self.done = self.done or last
        if not self.done:
            return calls, ""
        rest, self._held = self._held, ""
        return calls, rest

    def _open(self) -> bool:
        """Whether a call begins; it is done if none can."""
        squeezed = _SPACE.sub("", self._held)
        ways = [f'{opening}{{"name":"{name}"' for opening in _OPENINGS for name in self.names]
        if self.most and any(squeezed.startswith(way) for way in ways):
            self._step = "call"
            self._begun = self._tried = self._held.index("{")
            self._fenced = self._fenced or _FENCE in self._held[: self._begun]
            return True
        self.done = not any(way.startswith(squeezed) for way in ways) or not self.most
        return False

    def _end(self) -> tuple[str, str] | None:
        while (end := self._held.find("}", self._tried)) >= 0:
            self._tried = end + 1
            try:
                call = call_json.read(self._held[self._begun : self._tried], marked=False)
            except BrokenError as broken:
                if broken.unfinished:
                    continue
                self.done = True
                return None
            self._held, self._step = self._held[self._tried :], "closing"
            return call
        self._tried = len(self._held)
        return None

    def _close(self, *, last: bool) -> bool:
        """Whether the call's block has ended, so that another may begin."""
        rest = self._held.lstrip()
        if self._fenced and _FENCE.startswith(rest) and rest != _FENCE:
            self._held = "" if last else self._held
            return False
        if self._fenced and rest.startswith(_FENCE):
            self._fenced, self._held = False, rest.removeprefix(_FENCE)
        self._step = "opening"
        return True
