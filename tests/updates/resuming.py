"""What interruptions and small changes cost: bytes that are fetched twice, memory, temporary files, and chunks that are not shared.

    python -m tests.updates.resuming FOLDER URL      the process that is measured, and killed

Owns: the downloads, the cuts, the kills, and counting at the server what left it.
Does not know: pytest.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from agent.models.blobs import Blobs
from agent.models.sets import ModelSet
from provisioning.updates import mirrors, structure
from provisioning.updates.pace import Patience
from provisioning.updates.release import Release, from_json
from tests.conftest import CHAT_MODEL, MODELS_FOLDER
from tests.fakes import gguf
from tests.fakes.mirror import Mirror, random_cuts
from tests.measured import Check
from tests.source_tree import CHECKOUT
from tests.updates.goods import Repository, Target, bring, storehouse

_LARGE = "qwen2.5-coder-1.5b-instruct-q4_k_m"  # 1.04 GiB
_MIDDLE = "qwen2.5-coder-0.5b-instruct-q4_k_m"
_CUTS = 50
_GROWN = 1_248  # bytes that a template grows by
_QUARTER = 250_000_000


def measure(folder: Path, *, quick: bool) -> list[Check]:
    """Fetches a gigabyte with fifty cuts, again with fifty kills, and models of which only the template changed."""
    large = _model(CHAT_MODEL if quick else _LARGE, folder / "large.gguf", 100_000_000 if quick else 1 << 30)
    checks = [*_cut(folder / "cut", large), *_killed(folder / "killed", large, 10 if quick else _CUTS)]
    if not quick:
        middle = _model(_MIDDLE, folder / "middle.gguf", 500_000_000)
        quarter = gguf.changed(
            middle, folder / "quarter.gguf", template=gguf.template_of(middle), most_bytes=_QUARTER
        )
        checks.append(_delta(folder / "quarter", quarter, "delta_fraction"))
    small = _model(CHAT_MODEL, folder / "small.gguf", 100_000_000)
    checks.append(_delta(folder / "small", small, "delta_fraction" if quick else "delta_fraction_100_mb"))
    return checks


def _cut(folder: Path, model: Path) -> list[Check]:
    """The line breaks fifty times."""
    repository, release = _published(folder, model)
    temporary = folder / "tmp"
    temporary.mkdir()
    with Mirror(repository.folder) as mirror:
        mirror.cuts = [
            1 << 40,
            *random_cuts(_CUTS, release.model.size),
        ]  # the first answer is the list of chunks
        process = _started(folder, mirror.url, temporary)
        spool = _Spool(process.pid, temporary)
        told, _ = process.communicate()
        spool.close()
        cuts, sent = _CUTS - len(mirror.cuts), mirror.sent
    if process.returncode or not Blobs(folder / "models").sound(release.files[0].sha256):
        raise RuntimeError(f"the download ended with {process.returncode}: {told.decode()}")
    return [
        Check(name="resume_cuts", value=cuts, goal=f">= {_CUTS}"),
        Check(name="resume_overhead", value=sent / release.model.size, unit="x", goal="<= 1.05"),
        Check(name="resume_size", value=release.model.size, unit="bytes"),
        Check(name="peak_rss_mb", value=json.loads(told)["rss"] / 1000, unit="MB", goal="<= 84"),
        Check(name="tmpdir_bytes", value=spool.most, unit="bytes", goal="<= 0"),
    ]


def _killed(folder: Path, model: Path, kills: int) -> list[Check]:
    """The process dies again and again."""
    repository, release = _published(folder, model)
    done = 0
    with Mirror(repository.folder) as mirror:
        places = random_cuts(kills, release.model.size, seed=11)
        process, due = _started(folder, mirror.url), 0
        for more in places:
            due += more
            while process.poll() is None and mirror.sent < due:
                time.sleep(0.001)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                done += 1
            process.communicate()
            due = mirror.sent
            process = _started(folder, mirror.url)
        process.communicate()
        sent = mirror.sent
    if not Blobs(folder / "models").sound(release.files[0].sha256):
        raise RuntimeError("the download did not come to an end")
    return [
        Check(name="resume_kills", value=done, goal=f">= {kills * 9 // 10}"),
        Check(name="resume_overhead_killed", value=sent / release.model.size, unit="x"),
    ]


def _delta(folder: Path, model: Path, name: str) -> Check:
    """How much is fetched of a model of which only the template changed."""
    repository, release = _published(folder, model)
    house = storehouse(folder / "models", repository, repository.folder.as_uri())
    bring(house, release)
    house.sets.write(ModelSet(seq=1, origin="signed", chat=release.model, embed=None, made="", why=""))
    house.sets.switch(1, None)
    grown = gguf.changed(model, folder / "grown.gguf", template=gguf.template_of(model) + "x" * _GROWN)
    structure.check(grown, grown.name)
    changed = repository.release(2, "model-v2", grown)
    with Mirror(repository.folder) as mirror:
        house = storehouse(folder / "models", repository, mirror.url)
        bring(house, changed)
        return Check(name=name, value=mirror.sent / changed.model.size, unit="of its bytes", goal="<= 0.03")


def _model(name: str, made: Path, size: int) -> Path:
    """A real model, if it is on the desk's shelf, else noise of about its size."""
    found = sorted((MODELS_FOLDER / name).glob("*.gguf"))
    return found[0].resolve() if found else gguf.write(made, size=size)


def _published(folder: Path, model: Path) -> tuple[Repository, Release]:
    folder.mkdir()
    repository = Repository(folder / "repository")
    release = repository.release(1, "model-v1", model)
    listed = {path: [target.size, target.sha256] for path, target in repository.listed.items()}
    (folder / "release.json").write_text(json.dumps({"release": release.to_json(), "listed": listed}))
    return repository, release


def _started(folder: Path, url: str, temporary: Path | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.updates.resuming", str(folder), url],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        env=os.environ | ({"TMPDIR": str(temporary)} if temporary else {}),
    )


class _Spool:
    """Watches what a process keeps in its folder for temporary files, also in files without a name."""

    def __init__(self, process: int, folder: Path) -> None:
        self.most = 0
        self._process, self._folder = process, folder
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Looks no more."""
        self._leaving.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._leaving.wait(0.02):
            named = sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
            self.most = max(self.most, named + self._nameless())

    def _nameless(self) -> int:
        found = 0
        for link in Path(f"/proc/{self._process}/fd").glob("*"):
            try:
                if str(link.readlink()).startswith(str(self._folder)):
                    found += link.stat().st_size
            except OSError:
                continue
        return found


def _child(folder: Path, url: str) -> None:
    """The process that is measured: a box that fetches, without waiting between tries."""
    mirrors.Mirror.patience = Patience(pause_s=0.0)  # type: ignore[assignment,method-assign]
    told = json.loads((folder / "release.json").read_text())
    listed = {path: Target(size, sha256) for path, (size, sha256) in told["listed"].items()}
    repository = Repository(folder / "repository", listed)
    bring(storehouse(folder / "models", repository, url), from_json(told["release"]))
    sys.stdout.write(json.dumps({"rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


if __name__ == "__main__":
    _child(Path(sys.argv[1]), sys.argv[2])
