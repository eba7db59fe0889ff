"""What no process loads before it needs it: seven of them start at once on a small box, and hold what they loaded for ever."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.source_tree import CHECKOUT, modules

# Each for one kind of work, which may never come: vectors, a model, a document, an answer as a page, a server elsewhere.
LATE = {"llama_cpp", "markdown_it", "numpy", "onnxruntime", "pypdf", "sqlite_vec", "tokenizers"}
SERVERS = {"flask", "waitress", "werkzeug"}
CLIENT = {"httpx"}
DATABASE = {"sqlite_utils"}

PROCESSES = {
    "agent.brain.service": LATE | CLIENT | {"asyncio"},
    "agent.recall.service": LATE | CLIENT,
    "agent.conversation.service": LATE,
    "webui.service": LATE,
    # Without keys it believes nobody, and verifies nothing.
    "provisioning.updates.service": LATE | DATABASE | {"cryptography", "pyfastcdc", "tuf"},
    # Without a mailbox it waits for one.
    "agent.channels.mail": LATE | SERVERS | CLIENT | DATABASE | {"cryptography", "dns", "imapclient"},
    "agent.channels.door": LATE | SERVERS | DATABASE | {"cryptography"},
    "provisioning.slots.__main__": LATE | SERVERS | CLIENT | DATABASE,
    "provisioning.supervision.pulse": LATE | SERVERS | CLIENT | DATABASE,
}


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_starts_without_what_it_may_never_need(process: str) -> None:
    program = f"import json, sys, agent.__main__, {process}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=CHECKOUT, capture_output=True, timeout=60
    )
    assert not PROCESSES[process] & set(json.loads(done.stdout))


def test_who_has_numpy_keeps_it_when_a_database_is_loaded() -> None:
    program = "import numpy, sys, agent.database; assert sys.modules['numpy'] is numpy; numpy.zeros(2)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=CHECKOUT, timeout=60)


def test_numpy_can_be_loaded_after_a_database() -> None:
    program = "import sys, agent.database; assert 'numpy' not in sys.modules; import numpy; numpy.zeros(2)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=CHECKOUT, timeout=60)


def test_nobody_loads_sqlite_utils_past_the_ground() -> None:
    wrong = [
        module.name
        for module in modules()
        if module.name != "agent.database" and "from sqlite_utils" in module.path.read_text(encoding="utf-8")
    ]
    assert not wrong, f"{wrong} should take Database and Migrations from agent.database"
