"""What is remembered of updates of Nisse over a power cut: where the present one stands, how earlier ones ended, which are not wanted.

    updates/programs/state.json     written before each step
    updates/programs/history.json   how the last ones ended
    updates/programs/bad.json       what is not installed by itself again

Owns: these files. Letters to the owner go into the models' book, which one thread sends.
Does not know: what the steps are for (`states`), nor root's own record (`handing`).
"""

from __future__ import annotations

from pathlib import Path

from agent import durable
from agent.models.shelf import writing
from provisioning.updates.bad import Bad, Entry
from provisioning.updates.book import Book, Ended, Letter
from provisioning.updates.programs import states
from provisioning.updates.programs.states import Record

TITLE = "Nisse"


class ProgramBook:
    """The files of one folder."""

    def __init__(self, folder: Path, letters: Book) -> None:
        """Uses the folder; it need not be there yet.

        Args:
            folder: `updates/programs` in the folder of models.
            letters: Where the owner's letters lie.
        """
        self._file = folder / "state.json"
        self._history, self._letters = Book(folder), letters
        self.bad = Bad(folder)

    def record(self) -> Record:
        """Where the update stands; a torn record is none: what was fetched is found again, and root knows what it tries."""
        return states.read(durable.read_sealed(self._file)) or Record()

    def write(self, record: Record) -> None:
        """Remembers where the update stands.

        Raises:
            StorageError: The disk does not take it; what stood there stands.
        """
        with writing():
            durable.write_sealed(self._file, record.to_json())

    def history(self) -> list[Ended]:
        """How the last ones ended, the newest first."""
        return self._history.history()

    def ended(self, *, outcome: str, version: str, reason: str, sentence: str, at: float) -> None:
        """Remembers how one ended; the same once more is no matter.

        Raises:
            StorageError: The disk does not take it.
        """
        how = Ended(
            when=at, outcome=outcome, seq=0, title=TITLE, version=version, reason=reason, sentence=sentence
        )
        self._history.ended(how)

    def shun(self, *, sha256: str, version: str, reason: str, sentence: str, at: float) -> None:
        """Remembers one that is not to be installed by itself again.

        Raises:
            StorageError: The disk does not take it.
        """
        entry = Entry(
            sha256=sha256, seq=0, title=TITLE, version=version, reason=reason, sentence=sentence, at=at
        )
        self.bad.add(entry)

    def tell(self, letter: Letter) -> None:
        """Has the owner told; the same key once more is no matter.

        Raises:
            StorageError: The disk does not take it.
        """
        self._letters.tell(letter)
