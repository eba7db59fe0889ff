"""The servers that are compared, as processes: the brain and its peers, on free ports, with the same model, threads and context.

Owns: how each is started, when it is ready, what its processes take, and ending what was started, by process id.
Does not know: what is asked of them.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.live.ports import free_port

CHECKOUT = Path(__file__).parent.parent.parent
PLACE = CHECKOUT / "build" / "bench"
MODELS = CHECKOUT / "build" / "models"
MODEL = "qwen2.5-coder-0.5b-instruct-q4_k_m"
OURS = "nisse"
LLAMA_SERVER = "llama-server"
EXAMPLE = "examples/server"
HIGH_LEVEL = "llama_cpp.server"
RAW = "raw loop"
_READY_S = 120.0
_IDLE_SHARE = (
    0.03  # of one core: a server that takes more while nobody asks it is stopped while others are measured
)


class PeerError(Exception):
    """A server did not start, or ended."""


@dataclass(frozen=True)
class Box:
    """What is the same for all."""

    threads: int
    context: int = 4096  # of one conversation

    @property
    def model(self) -> Path:
        """The file that all of them open."""
        return next((MODELS / MODEL).glob("*.gguf"))


class Peer:
    """One server."""

    name = ""
    ready_path = "/v1/models"

    def __init__(self, box: Box, conversations: int) -> None:
        """Does not run yet.

        Args:
            box: What is the same for all.
            conversations: How many answers it should be able to give at once.
        """
        self.box, self.conversations = box, conversations
        self.port = free_port()
        self.restless = False
        self.paused = False
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """How it is started."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Its variables: nobody's own settings for the house, for OpenMP or for llama.cpp."""
        ours = ("NISSE_", "GOMP_", "OMP_", "LLAMA_")
        return {name: value for name, value in os.environ.items() if not name.startswith(ours)}

    def start(self) -> None:
        """Starts it and waits until it answers.

        Raises:
            PeerError: It ended, or took too long.
        """
        log = PLACE / "log" / f"{self.name.replace('/', '-')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            # In this session: the kernel shares the cores out by session, and the rivals of `busy` must count like any other.
            self._process = subprocess.Popen(
                self.command(), cwd=CHECKOUT, env=self.environment(), stdout=output, stderr=output
            )
        end = time.monotonic() + _READY_S
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > end:
                ended = self._process.poll() is not None
                self.stop()
                raise PeerError(f"{self.name} {'ended' if ended else 'was not ready in time'}: see {log}")
            time.sleep(0.1)

    def ready(self) -> bool:
        """Whether it answers."""
        return self.get(self.ready_path)[0] == 200

    def get(self, path: str) -> tuple[int, Any]:
        """GET: the status and the JSON; 0 if nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        except (OSError, ValueError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()

    def kill(self) -> None:
        """kill -9, of all its processes."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        if self._process:
            self._process.wait(20)
            self._process = None

    def stop(self) -> None:
        """Ends it, by force if it does not go."""
        if not self._process:
            return
        self.resume()
        with contextlib.suppress(OSError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
            self._process = None
        except subprocess.TimeoutExpired:
            self.kill()

    def processes(self) -> list[psutil.Process]:
        """It and its children."""
        try:
            first = psutil.Process(self._process.pid if self._process else 0)
            return [first, *first.children(recursive=True)] if self._process else []
        except psutil.Error:
            return []

    def resident(self) -> int:
        """Bytes of memory that its processes hold."""
        return sum(process.memory_info().rss for process in self.processes())

    def seconds(self) -> float:
        """Processor seconds that its processes took."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes())

    def look(self, seconds: float = 1.0) -> None:
        """Sees whether it takes part of the cores while nobody asks it."""
        before = self.seconds()
        time.sleep(seconds)
        self.restless = self.seconds() - before > _IDLE_SHARE * seconds

    def rest(self) -> None:
        """Stops it while others are measured, if it would disturb them."""
        if self.restless and not self.paused:
            for process in self.processes():
                process.send_signal(signal.SIGSTOP)
            self.paused = True

    def resume(self) -> None:
        """Lets it go on."""
        if self.paused:
            for process in self.processes():
                process.send_signal(signal.SIGCONT)
            self.paused = False


class Brain(Peer):
    """Ours, as the house runs it, on a home of its own."""

    name = OURS

    def __init__(self, box: Box, conversations: int) -> None:
        """On an empty home."""
        super().__init__(box, conversations)
        self.home = PLACE / f"home-{self.port}"
        shutil.rmtree(self.home, ignore_errors=True)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "agent", "brain"]

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "NISSE_HOME": str(self.home),
            "NISSE_MODELS_FOLDER": str(MODELS),
            "NISSE_BRAIN_URL": f"http://127.0.0.1:{self.port}",
            "NISSE_BRAIN_MODEL": MODEL,
            "NISSE_BRAIN_CONTEXT": str(self.box.context),
            "NISSE_BRAIN_THREADS": str(self.box.threads),
        }

    def ready(self) -> bool:
        status, info = self.get("/info")
        return status == 200 and bool(info["ready"])

    def info(self) -> dict[str, Any]:
        """What its engine says of itself."""
        return dict((self.get("/info")[1] or {}).get("engine") or {})

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.home, ignore_errors=True)


class LlamaServer(Peer):
    """llama.cpp's own, built from the source package's tree, with a place for each conversation."""

    name = LLAMA_SERVER
    ready_path = "/health"

    def command(self) -> list[str]:
        threads, context = str(self.box.threads), str(self.box.context * self.conversations)
        return [
            *(str(PLACE / "llama-server"), "-m", str(self.box.model), "--offline"),
            *("--host", "127.0.0.1", "--port", str(self.port), "-np", str(self.conversations), "-c", context),
            *("-t", threads, "-tb", threads, "-ngl", "0"),
        ]


class HighLevel(Peer):
    """llama-cpp-python's server: one answer at a time. Told not to break off one answer when the next is asked."""

    name = HIGH_LEVEL

    def command(self) -> list[str]:
        threads = str(self.box.threads)
        return [
            *(
                str(PLACE / "venv" / "bin" / "python"),
                "-m",
                "llama_cpp.server",
                "--model",
                str(self.box.model),
            ),
            *("--host", "127.0.0.1", "--port", str(self.port), "--n_ctx", str(self.box.context)),
            *("--n_threads", threads, "--n_threads_batch", threads, "--flash_attn", "true"),
            *("--interrupt_requests", "false"),
        ]


class Example(Peer):
    """The continuous-batching server among llama-cpp-python's examples."""

    name = EXAMPLE
    ready_path = "/healthz"

    def command(self) -> list[str]:
        settings = PLACE / f"example-{self.port}.json"
        model = {
            "path": str(self.box.model),
            "n_ctx": self.box.context * self.conversations,
            "n_seq_max": 2 * self.conversations,  # it keeps what it knows in sequences that nobody uses
            "n_batch": 512,
            "n_ubatch": 512,
            "threads": self.box.threads,
            "threads_batch": self.box.threads,
            "flash_attn": True,
            "store_logits": False,
        }
        settings.write_text(json.dumps({"server": {"host": "127.0.0.1", "port": self.port}, "model": model}))
        server = PLACE / "sdist" / "examples" / "server" / "server.py"
        python = PLACE / "venv" / "bin" / "python"
        return [
            str(python),
            str(Path(__file__).parent / "example_server.py"),
            str(server),
            "-C",
            str(settings),
        ]


class RawLoop:
    """The yardstick's process."""

    name = RAW

    def __init__(self, box: Box) -> None:
        """Starts it and waits until it has the model."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.raw", str(box.model), str(box.context), str(box.threads)],
            cwd=CHECKOUT,
            env=Peer(box, 1).environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()

    def do(self, order: str, **more: Any) -> dict[str, Any]:
        """Has it do one thing."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": order, **more}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(20)

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise PeerError("the raw loop ended")
        return dict(json.loads(line))


SERVERS: dict[str, type[Peer]] = {each.name: each for each in (Brain, LlamaServer, Example, HighLevel)}
