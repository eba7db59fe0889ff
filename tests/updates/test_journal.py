"""The journal: what was written is believed after a kill, what was waited for after a power cut, and nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from provisioning.updates import journal
from provisioning.updates.journal import Found, Journal

FILE, LIST = "ab" * 32, "cd" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def write(path: Path) -> None:
    """Chunks 1 and 2 were waited for, 5 was only written."""
    one = Journal(path, FILE)
    one.begin(LIST, frozenset({1}))
    one.add(2)
    one.synced()
    one.add(5)
    one.close()


def test_after_a_kill_all_is_believed(path: Path) -> None:
    write(path)
    assert Journal(path, FILE).read(LIST, 10) == Found(frozenset({1, 2, 5}), frozenset())


def test_after_a_power_cut_only_what_was_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path)
    monkeypatch.setattr(journal, "_boot", lambda: "another start of the kernel")
    assert Journal(path, FILE).read(LIST, 10) == Found(frozenset({1, 2}), frozenset({5}))


def test_what_is_about_another_file_or_other_chunks_says_nothing(path: Path) -> None:
    write(path)
    assert Journal(path, "ef" * 32).read(LIST, 10) is None
    assert Journal(path, FILE).read("ef" * 32, 10) is None
    assert Journal(path.with_name("nothing"), FILE).read(LIST, 10) is None


def test_one_that_names_no_chunk_fits_any_list(path: Path) -> None:
    one = Journal(path, FILE)
    one.begin("", frozenset())
    one.close()
    assert Journal(path, FILE).read(LIST, 10) == Found(frozenset(), frozenset())


def test_a_chunk_that_the_file_has_not_got_is_passed_over(path: Path) -> None:
    write(path)
    assert Journal(path, FILE).read(LIST, 3) == Found(frozenset({1, 2}), frozenset())


def test_no_damage_makes_it_claim_a_chunk_that_was_never_there(path: Path) -> None:
    write(path)
    whole = path.read_bytes()
    chance = random.Random(4)
    for _ in range(400):
        data = bytearray(whole)
        match chance.randrange(3):
            case 0:
                del data[chance.randrange(len(data)) :]
            case 1:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case _:
                begin = chance.randrange(len(data))
                data[begin : begin + 20] = bytes(len(data[begin : begin + 20]))
        path.write_bytes(data)
        found = Journal(path, FILE).read(LIST, 10)
        assert found is None or found.certain | found.doubtful <= {1, 2, 5}
