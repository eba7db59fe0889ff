"""The server's end: whoever computes is told first, so that open answers do not hold it up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import httpx

from tests.live.ports import free_port
from tests.live.running import CHECKOUT, until

_SERVER = """
import sys, threading
from flask import Flask
from agent.wire import serve

app, ended = Flask("test"), threading.Event()
app.config["MAX_CONTENT_LENGTH"] = 1000

@app.get("/alive")
def alive(): return ""

@app.get("/endless")
def endless():
    def words():
        yield "Once upon a time "
        ended.wait()
        yield "the end."
    return words()

serve.serve_at(app, "127.0.0.1", int(sys.argv[1]), max_body=1000, leaving=ended.set)
print("left", flush=True)
"""


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/alive", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_open_answers_are_ended_before_the_server_waits_for_them() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", _SERVER, str(port)]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            until(lambda: _answers(url), 30, "the server")
            with httpx.stream("GET", f"{url}/endless", trust_env=False, timeout=30) as answer:
                pieces = answer.iter_text()
                told = next(pieces)
                os.kill(process.pid, signal.SIGTERM)
                os.kill(process.pid, signal.SIGTERM)  # an impatient one does no harm
                told += "".join(pieces)
            said, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    assert told == "Once upon a time the end."
    assert process.returncode == 0
    assert said.strip().endswith("left")
    assert "still running" not in said  # as waitress says when it gives up waiting
