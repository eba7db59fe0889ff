"""The child in which a candidate is tried: `python -m agent.brain.trial_child`. It reads one job, answers it line by line, and ends.

Owns: loading the candidate, asking it, and measuring: how long it took to load, to say its first word, how fast it went on.
Does not know: whether that is good enough (updates judges), nor who watches over it (`trial_watch`).

The job is one line of JSON on stdin; the lines that come back are `{"event": ...}` on stdout. All else that is printed goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from agent import registry
from agent.brain import Asker, Options, Request, Runtime, Turn, confinement
from agent.embed import Embedder
from agent.errors import NisseError

LARGEST_JOB = 4 << 20  # bytes
_STATUS = Path("/proc/self/status")


def main() -> int:
    """The child's whole life."""
    job = json.loads(sys.stdin.buffer.readline(LARGEST_JOB))
    # The libraries print as they like; what the parent reads is ours alone.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    alone = confinement.confine(
        parent=int(job["parent"]), most_memory=int(job["most_memory"]), card=bool(job.get("card"))
    )
    _say(out, event="begun", alone=alone)
    try:
        begun = time.perf_counter()
        tried = _loaded(job)
    except Exception as failed:  # noqa: BLE001 - whatever is wrong with a candidate is to be told
        said = failed.message if isinstance(failed, NisseError) else f"{type(failed).__name__}: {failed}"
        _say(out, event="failed", why=said)
        return 1
    _say(out, event="loaded", seconds=time.perf_counter() - begun, dimensions=tried.dimensions)
    for prompt in job["prompts"]:
        try:
            _say(out, event="answer", **tried.ask(prompt))
        except NisseError as refused:
            _say(out, event="answer", error=refused.message)
    _say(out, event="done")
    return 0


class _Chat:
    """A model that chats."""

    dimensions = 0

    def __init__(self, path: Path, options: Options) -> None:
        kind = path.suffix.lstrip(".").lower()
        self._runtime: Runtime = registry.load("agent.brain", kind).Runtime(path, options)

    def ask(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        turns = (Turn(role="user", text=str(asked["prompt"])),)
        request = Request(turns=turns, max_tokens=int(asked["max_tokens"]), temperature=0.0)
        begun, first, text, tokens = time.perf_counter(), 0.0, [], 0
        with self._runtime.submit(self._runtime.prepare(request), Asker()) as answer:
            for piece in answer:
                if piece.text and not first:
                    first = time.perf_counter()
                text.append(piece.text)
                tokens = piece.answer_tokens or tokens
        end = time.perf_counter()
        first = first or end
        return {
            "text": "".join(text),
            "tokens": tokens,
            "first_token_s": first - begun,
            "seconds": end - begun,
            "going_on_s": end - first,
        }


class _Embed:
    """A model that makes vectors."""

    def __init__(self, path: Path) -> None:
        self._embedder: Embedder = _embedder(path)
        self.dimensions = int(self._embedder.dimensions)

    def ask(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        begun = time.perf_counter()
        texts = [str(asked[name]) for name in ("prompt", "near", "far")]
        vectors = self._embedder.embed(texts)
        prompt, near, far = vectors
        return {
            "near": float(prompt @ near),
            "far": float(prompt @ far),
            "length": float((prompt @ prompt) ** 0.5),
            "tokens": len(texts),
            "seconds": time.perf_counter() - begun,
        }


def _loaded(job: Mapping[str, Any]) -> _Chat | _Embed:
    path = Path(job["path"])
    return _Embed(path) if job["role"] == "embed" else _Chat(path, Options(**job["options"]))


def _embedder(path: Path) -> Embedder:
    kinds = "agent.embed"
    for name in registry.names(kinds):
        if registry.declared(kinds, name, "SUFFIX") == path.suffix:
            embedder: Embedder = registry.load(kinds, name).Embedder(path)
            return embedder
    raise NisseError(f"No embedder reads {path.suffix} files.")


def _say(out: TextIO, **line: Any) -> None:
    out.write(json.dumps({**line, "peak": _peak()}) + "\n")
    out.flush()


def _peak() -> int:
    """The most memory that this process has had, in bytes; not that of the parent, which getrusage would tell as well."""
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    sys.stdout.flush()
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a library that hangs while it is torn down has nothing more to tell
