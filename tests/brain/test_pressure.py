"""With how many threads to compute while other processes want the cores too."""

from __future__ import annotations

import itertools
import math
import os
from pathlib import Path

import pytest

from agent.brain.pressure import Pressure, fewest, threads_for

TICKS = os.sysconf("SC_CLK_TCK")


class Machine:
    """A machine's figures, made by the second: who computes on it, and who waits."""

    def __init__(self, proc: Path, cores: int, *, tells_of_waiting: bool = True) -> None:
        self.proc = proc
        self.cores = cores
        self.at = 100.0
        self.ours = 5.0
        self._tells = tells_of_waiting
        self._busy = [0.0] * cores
        self._waited = 0.0
        self._running = 0
        (proc / "pressure").mkdir(parents=True)
        self._write()

    def watch(self, most: int) -> Pressure:
        return Pressure(
            most,
            proc=self.proc,
            processors=frozenset(range(self.cores)),
            clock=lambda: self.at,
            ours=lambda: self.ours,
        )

    def run(self, watch: Pressure, seconds: float, *, loops: float, computing: bool = True) -> list[int]:
        """Some endless loops run beside our threads, each with the share that a fair scheduler gives; our thread counts."""
        counts = []
        for _ in range(int(seconds * 10)):
            threads = watch.threads() if computing else 0
            counts.append(threads)
            wanted = threads + loops
            share = min(1.0, self.cores / wanted) if wanted else 0.0
            self.at += 0.1
            self._running = 1 + math.ceil(loops)  # whoever reads the figures is counted too
            self.ours += 0.1 * share * threads
            for core in range(self.cores):
                self._busy[core] += 0.1 * share * wanted / self.cores
            self._waited += 0.1 if wanted > self.cores else 0.0
            self._write()
        return counts

    def _write(self) -> None:
        lines = ["cpu  1 2 3 4 5 6 7 8 9 10"]
        lines += [
            f"cpu{core} {int(busy * TICKS)} 0 0 {int(self.at * TICKS)} 7 0 0 3 0 0"
            for core, busy in enumerate(self._busy)
        ]
        lines += [
            "cpu99 999999 0 0 0 0 0 0 0 0 0",
            "intr 12345 0 0",
            "ctxt 6789",
            f"procs_running {self._running}",
        ]
        (self.proc / "stat").write_text("\n".join(lines))
        if self._tells:
            total = int(self._waited * 1e6)
            (self.proc / "pressure" / "cpu").write_text(
                f"some avg10=0.00 avg60=0.00 avg300=0.00 total={total}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
            )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path, 2)


def test_alone_it_computes_with_all_threads(machine: Machine) -> None:
    watch = machine.watch(2)
    assert set(machine.run(watch, 30, loops=0)) == {2}


@pytest.mark.parametrize("loops", [1, 2, 3, 6])
def test_beside_busy_processes_it_keeps_out_of_their_way_within_two_seconds(
    machine: Machine, loops: int
) -> None:
    watch = machine.watch(2)
    machine.run(watch, 5, loops=0)
    counts = machine.run(watch, 20, loops=loops)
    assert set(counts[16:]) == {1}


def test_a_short_burst_of_others_costs_no_thread(machine: Machine) -> None:
    watch = machine.watch(2)
    machine.run(watch, 5, loops=0)
    machine.at += 0.3  # it does not begin with a look
    counts = [*machine.run(watch, 0.6, loops=3), *machine.run(watch, 5, loops=0)]
    assert set(counts) == {2}


def test_once_they_are_gone_it_takes_all_again_but_not_in_a_hurry(machine: Machine) -> None:
    watch = machine.watch(2)
    machine.run(watch, 5, loops=2)
    counts = machine.run(watch, 10, loops=0)
    assert set(counts[:10]) == {1}
    assert set(counts[35:]) == {2}


def test_our_own_server_and_a_client_do_not_make_it_flap(machine: Machine) -> None:
    watch = machine.watch(2)
    counts = [*itertools.chain.from_iterable(machine.run(watch, 1, loops=load) for load in [0.05, 0.3] * 30)]
    assert set(counts) == {2}


def test_it_does_not_swing_beside_a_process_that_comes_and_goes(machine: Machine) -> None:
    watch = machine.watch(2)
    counts = [*itertools.chain.from_iterable(machine.run(watch, 1, loops=load) for load in [1, 0] * 30)]
    changes = sum(one != other for one, other in itertools.pairwise(counts))
    assert changes <= 2


def test_who_has_a_core_to_itself_is_in_nobodys_way(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 4)
    watch = machine.watch(2)
    assert set(machine.run(watch, 20, loops=2)) == {2}


@pytest.mark.parametrize(("loops", "threads"), [(0, 4), (1, 3), (2, 2), (4, 2), (8, 2)])
def test_on_more_cores_it_leaves_as_many_as_others_need_but_keeps_half(
    tmp_path: Path, loops: int, threads: int
) -> None:
    machine = Machine(tmp_path, 4)
    watch = machine.watch(4)
    machine.run(watch, 5, loops=0)
    assert set(machine.run(watch, 30, loops=loops)[60:]) == {threads}


def test_a_machine_taken_wholly_while_we_were_idle_is_met_with_few_threads_at_once(machine: Machine) -> None:
    watch = machine.watch(2)
    machine.run(watch, 2, loops=0)
    watch.threads()
    machine.run(watch, 5, loops=2, computing=False)
    assert watch.threads() == 1


def test_what_others_computed_while_we_were_idle_is_no_hindrance_once_they_are_done(machine: Machine) -> None:
    watch = machine.watch(2)
    machine.run(watch, 2, loops=0)
    watch.threads()
    machine.run(watch, 10, loops=2, computing=False)
    machine.run(watch, 0.1, loops=0, computing=False)
    assert set(machine.run(watch, 10, loops=0)) == {2}


def test_without_word_of_waiting_it_goes_by_the_others_time_alone(tmp_path: Path) -> None:
    machine = Machine(tmp_path, 2, tells_of_waiting=False)
    watch = machine.watch(2)
    assert set(machine.run(watch, 10, loops=2)[20:]) == {1}
    assert set(machine.run(watch, 10, loops=0)[60:]) == {2}


def test_where_the_kernel_tells_nothing_it_computes_with_all(tmp_path: Path) -> None:
    watch = Pressure(3, proc=tmp_path / "none", processors=frozenset({0}), clock=iter(range(1000)).__next__)
    assert {watch.threads() for _ in range(50)} == {3}


def test_one_thread_stays_one(machine: Machine) -> None:
    watch = machine.watch(1)
    assert set(machine.run(watch, 10, loops=4)) == {1}


def test_it_looks_at_the_kernel_only_now_and_then(machine: Machine) -> None:
    watch = machine.watch(2)
    watch.threads()
    (machine.proc / "stat").unlink()  # whoever looked now would find nothing
    last = watch._last
    for _ in range(100):
        machine.at += 0.004
        watch.threads()
    assert watch._last is last


@pytest.mark.parametrize("most", range(1, 17))
@pytest.mark.parametrize("others", [0.0, 0.4, 1.0, 2.5, 7.0, 40.0])
def test_the_number_is_never_none_and_never_too_many(most: int, others: float) -> None:
    for now in range(fewest(most), most + 1):
        threads = threads_for(now, most=most, cores=8, others=others, waiting=1.0)
        assert fewest(most) <= threads <= most


def test_this_machine_can_be_watched() -> None:
    watch = Pressure(2)
    assert watch.threads() in {1, 2}
    if Path("/proc/stat").exists():
        assert watch._last is not None
        assert watch._last.busy > 0
