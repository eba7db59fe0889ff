"""The system's programs, as far as a test lets them be: what was called is kept, and each says what the test gave it to say.

Owns: the record of calls.
Does not know: any program.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.errors import UnavailableError

Effect = Callable[[tuple[str, ...]], str]


class Programs:
    """Stands in for `provisioning.box.running.run`."""

    def __init__(self) -> None:
        """Every program says nothing and succeeds."""
        self.calls: list[tuple[str, ...]] = []
        self._effects: list[tuple[str, Effect]] = []

    def says(self, begin: str, text: str) -> None:
        """A command that begins so prints this."""
        self.does(begin, lambda _command: text)

    def fails(self, begin: str, why: str = "it failed") -> None:
        """A command that begins so fails."""

        def fail(_command: tuple[str, ...]) -> str:
            raise UnavailableError(f"{begin}: {why}")

        self.does(begin, fail)

    def does(self, begin: str, effect: Effect) -> None:
        """A command that begins so does this; what is said last counts."""
        self._effects.insert(0, (begin, effect))

    def __call__(self, *command: str, **_limits: object) -> str:
        """Runs nothing."""
        self.calls.append(command)
        line = " ".join(command)
        return next((effect(command) for begin, effect in self._effects if line.startswith(begin)), "")

    def called(self, begin: str) -> list[str]:
        """The commands that began so."""
        lines = (" ".join(call) for call in self.calls)
        return [line for line in lines if line.startswith(begin)]
