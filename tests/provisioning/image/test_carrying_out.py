"""Carrying out a plan: what is run, what is kept, and what is said of a failure."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from agent.errors import NisseError, UnavailableError
from provisioning.image.carrying_out import carry_out
from provisioning.image.step import Command, Step, Work


def step(
    name: str, *actions: Command | Work, product: Path | None = None, inputs: tuple[str, ...] = ()
) -> Step:
    return Step(name=name, says="something", actions=actions, product=product, inputs=inputs)


def go(*steps: Step, out: Path, fresh: tuple[str, ...] = ()) -> list[str]:
    said: list[str] = []
    carry_out(steps, out, fresh=fresh, say=said.append)
    return said


def test_each_step_is_named_with_its_place_and_its_seconds(tmp_path: Path) -> None:
    said = go(step("one", Command(("true",))), step("two", Command(("true",))), out=tmp_path)
    assert said[0] == "[1/2] one: something"
    assert said[2] == "[2/2] two: something"
    assert said[1].endswith(" s")
    assert '"two"' in (tmp_path / "seconds.json").read_text()


def test_a_program_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="sh failed with status 3") as raised:
        go(step("one", Command(("sh", "-c", "echo no such luck; exit 3"))), out=tmp_path)
    assert "no such luck" in raised.value.hint
    assert "$ sh -c" in (tmp_path / "build.log").read_text()


def test_a_program_that_is_not_there_is_named_with_what_brings_it(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no-such-program is not installed") as raised:
        go(step("one", Command(("no-such-program",))), out=tmp_path)
    assert "setup.sh image" in raised.value.hint


def test_nothing_is_done_after_a_failure(tmp_path: Path) -> None:
    later = tmp_path / "later"
    with pytest.raises(NisseError):
        go(step("one", Command(("false",))), step("two", Command(("touch", str(later)))), out=tmp_path)
    assert not later.exists()


def test_a_product_is_kept_while_its_inputs_are_the_same(tmp_path: Path) -> None:
    product = tmp_path / "product"

    def make(*inputs: str, fresh: tuple[str, ...] = ()) -> int:
        append = Command(("sh", "-c", f"echo x >>{product}"))
        go(step("one", append, product=product, inputs=inputs), out=tmp_path, fresh=fresh)
        return len(product.read_text())

    assert make("a") == make("a") == 2
    assert make("b") == 4
    assert make("b", fresh=("one",)) == 6
    product.unlink()
    assert make("b") == 2


def test_a_product_whose_making_was_broken_off_is_made_again(tmp_path: Path) -> None:
    product = tmp_path / "product"
    product.write_text("whole")
    fails = step(
        "one", Command(("sh", "-c", f"echo half >{product}; test -e {tmp_path}/now")), product=product
    )
    with pytest.raises(NisseError):
        go(fails, out=tmp_path)
    (tmp_path / "now").touch()
    said = go(fails, out=tmp_path)
    assert not [line for line in said if "kept" in line]


def test_a_full_disk_during_a_steps_own_work_is_said_in_words(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(UnavailableError, match=r"The step one failed: .*No space left"):
        go(step("one", Work("write", full)), out=tmp_path)


def test_a_program_reads_what_it_is_given(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.write_text("text")
    go(step("one", Command(("sh", "-c", f"cat >{tmp_path}/got"), reads=given)), out=tmp_path)
    assert (tmp_path / "got").read_text() == "text"


def test_two_builds_wait_for_each_other_where_they_share_a_folder(tmp_path: Path) -> None:
    running, most = [0], [0]

    def work() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.05)
        running[0] -= 1

    def build(number: int) -> None:
        alone = Step(name="one", says="", actions=(Work("work", work),), alone_in=tmp_path / "shared")
        carry_out([alone], tmp_path / str(number), say=lambda _line: None)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
