"""`make fuzz-mail`: spoilt mails to everything that reads mail, for twenty minutes or as long as is said.

Owns: the time, the rounds, and the report in `build/report/fuzz-mail.json`.
Does not know: how mails are spoilt, or who reads them.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.letters.fuzzing import mutations, readers
from tests.measured import REPORTS, Check, measured, write

TARGET = "fuzz-mail"
SLOWEST_S = 5.0  # of computing; a mail that takes longer keeps a household's others waiting
_PER_ROUND = 400


class Fuzzing:
    """One run."""

    def __init__(self, seconds: float, *, per_round: int = _PER_ROUND) -> None:
        """Nothing runs yet.

        Args:
            seconds: How long it runs; the first round is run whole in any case.
            per_round: How many mails hypothesis is asked for at a time.
        """
        self._per_round = per_round
        self._until = time.monotonic() + seconds
        self._began = time.monotonic()
        self.mails = 0
        self.slowest = 0.0
        self.faults: dict[str, dict[str, Any]] = {}
        self.sizes: Counter[str] = Counter()
        self._last = b""
        self._failed = b""

    def run(self, first_seed: int) -> None:
        """Rounds until the time is up; a fault ends its round, not the run."""
        number = first_seed
        while number == first_seed or time.monotonic() < self._until:
            try:
                self._round(number, whole=number == first_seed)
            except Exception as fault:  # noqa: BLE001 - each one is what is looked for
                self._note(fault, number)
            number += 1
            sys.stderr.write(
                f"{self.mails:,} mails, {len(self.faults)} faults, slowest {self.slowest:.2f} s\n"
            )

    def _round(self, number: int, *, whole: bool) -> None:
        @seed(number)
        @settings(
            max_examples=self._per_round,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            report_multiple_bugs=False,
        )
        @given(mutations.mails)
        def one(mail: bytes) -> None:
            # hypothesis repeats what failed: also when the time is up, or it would take the fault for a chance.
            if whole or time.monotonic() < self._until or mail == self._failed:
                self._try(mail)

        one()

    def _try(self, mail: bytes) -> None:
        self._last = mail
        began = time.process_time()  # a machine that is busy is no fault of the mail
        self._failed = mail
        readers.run(mail)
        self._failed = b""
        took = time.process_time() - began
        self.mails += 1
        self.sizes[f"under {10 ** len(str(len(mail))):,} bytes"] += 1
        self.slowest = max(self.slowest, took)
        if took > SLOWEST_S:  # not raised: hypothesis would repeat it
            self._note(TimeoutError(f"a mail of {len(mail)} bytes took {took:.1f} s"), 0)

    def _note(self, fault: Exception, number: int) -> None:
        trace = traceback.extract_tb(fault.__traceback__)
        inside = next(
            (
                f"{Path(frame.filename).name}:{frame.lineno}"
                for frame in reversed(trace)
                if "/agent/" in frame.filename
            ),
            "readers",
        )
        key = f"{type(fault).__name__} at {inside}"
        if key in self.faults:
            self.faults[key]["times"] += 1
            return
        folder = REPORTS / TARGET
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{hashlib.sha256(self._last).hexdigest()[:12]}.eml"
        file.write_bytes(self._last)
        self.faults[key] = {
            "fault": key,
            "words": str(fault)[:300],
            "seed": number,
            "mail": str(file),
            "times": 1,
        }

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._began

    def report(self) -> dict[str, Any]:
        """More than the figures."""
        return {
            "mails_per_second": round(self.mails / self.seconds, 1),
            "seeds": len(mutations.SEEDS),
            "sizes": dict(sorted(self.sizes.items(), key=lambda item: len(item[0]))),
            "faults": list(self.faults.values()),
        }


def main() -> int:
    """Runs, writes the report. Returns 0 if that could be done, whatever was found."""
    parser = argparse.ArgumentParser(prog="fuzz-mail")
    parser.add_argument("--seconds", type=float, default=1200.0)
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**6), help="to repeat a run"
    )
    given_ = parser.parse_args()
    fuzzing = Fuzzing(given_.seconds)
    fuzzing.run(given_.seed)
    found = [
        Check(name="seconds", value=round(fuzzing.seconds, 1), unit="s"),
        Check(name="mails", value=fuzzing.mails),
        Check(name="faults", value=len(fuzzing.faults), goal="<= 0"),
        Check(name="slowest", value=fuzzing.slowest, unit="s", goal=f"<= {SLOWEST_S}"),
    ]
    write(TARGET, found, first_seed=given_.seed, **fuzzing.report())
    return measured(found)


if __name__ == "__main__":
    sys.exit(main())
