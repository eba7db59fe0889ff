"""What a process that serves a model really takes: `python -m tests.live.resident FILE OPTIONS`, with options as JSON.

Owns: loading it as the brain does, reading a prompt and answering, and printing what is resident then.
Does not know: what was foretold.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil

from agent.brain import Asker, Options, Request, service
from agent.brain.gguf import Runtime

_WORDS = 700  # more than a step takes, so that every buffer was used


def main(file: str, options: str) -> None:
    """Prints bytes: resident, and of the buffers that llama.cpp reported."""
    assert service  # what the brain's process has loaded anyway
    runtime = Runtime(Path(file), Options(**json.loads(options)))
    prompt = runtime.prepare(Request(prompt="owl " * _WORDS, max_tokens=4, temperature=0))
    with runtime.submit(prompt, Asker()) as answer:
        for _ in answer:
            pass
    resident = psutil.Process().memory_info().rss
    sys.stdout.write(json.dumps({"resident": resident, "reported": runtime.info()["reported_bytes"]}) + "\n")
    runtime.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
