"""The fuzzing finds what it is made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.letters import reading
from agent.message import Message
from tests.letters.fuzzing import __main__ as fuzzing


def test_a_fault_is_noted_once_with_its_mail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = reading.read

    def brittle(mail: bytes, **more: Any) -> Message:
        if b"From:" in mail:
            raise KeyError("something that nobody thought of")
        return whole(mail, **more)

    monkeypatch.setattr(reading, "read", brittle)
    monkeypatch.setattr(fuzzing, "REPORTS", tmp_path)
    run = fuzzing.Fuzzing(0.0, per_round=100)
    run.run(1)
    (fault,) = run.report()["faults"]
    assert fault["fault"].startswith("KeyError")
    assert "nobody thought of" in fault["words"]
    assert b"From:" in Path(fault["mail"]).read_bytes()


def test_a_few_spoilt_mails_are_read_by_every_reader() -> None:
    run = fuzzing.Fuzzing(0.0, per_round=100)
    run.run(2)
    assert run.mails > 50
    assert run.report()["faults"] == []
