"""A release's files, from a name in the list to a model on the shelf: room, fetching, reading back, giving them their place.

Owns: these steps, each of which may be done again after a kill at any byte and then goes on where it was.
Does not know: how one file comes (`bringing`), which release is wanted, what a trial is, nor who signs what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from agent import durable
from agent.models import catalogue
from agent.models.blobs import Blobs
from agent.models.catalogue import Model
from agent.models.sets import Sets
from agent.models.shelf import Shelf, writing
from provisioning.updates import keeping, space, structure
from provisioning.updates.bringing import Bringing, Listed
from provisioning.updates.fetch import Line
from provisioning.updates.known import Lists, Present
from provisioning.updates.mirrors import Mirror
from provisioning.updates.refusals import RefusedError
from provisioning.updates.release import Release, ReleasedFile

_CHUNKS = "updates/chunks"  # below the folder of models

Progress = Callable[[int, int], None]  # bytes that are there, bytes in all


class Storehouse:
    """The files of releases on this box. One process has one."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        mirrors: Callable[[], Sequence[Mirror]],
        listed: Callable[[], Mapping[str, Listed]],
        keep_free: int = space.KEEP_FREE,
    ) -> None:
        """Looks at nothing yet.

        Args:
            shelf: Where models lie.
            mirrors: Whom to ask, in order, at this moment.
            listed: What the signed list says, by the path in the repository.
            keep_free: Bytes of the disk that are left for the rest of the house.
        """
        self.blobs, self.sets = Blobs(shelf.folder), Sets(shelf.folder)
        self._shelf, self._mirrors, self._keep_free = shelf, mirrors, keep_free
        self._lists = Lists(shelf.folder / _CHUNKS)
        self._bringing = Bringing(
            self.blobs, self._lists, listed=listed, present=self._present, check=structure.check
        )

    def bytes_needed(self, release: Release) -> int:
        """Bytes still to be fetched, as far as that is known: what chunks have in common is known only after their lists came."""
        needed = 0
        for file in self._absent(release):
            needed += (
                file.size if not self.blobs.part(file.sha256).exists() else self._bringing.still_missing(file)
            )
        return needed

    def reserve(self, release: Release) -> None:
        """Takes the room for all files of a release, before the first byte comes.

        Raises:
            RefusedError: There is not enough (`no_space`), even after all that nothing needs has gone.
            StorageError: The disk does not take it.
        """
        for file in release.files:
            self.blobs.recognise(file.sha256, file.size)
        room = space.needed(self._room(release), self._keep_free)
        if room > space.free(self._shelf.folder):
            self.collect([release.model])
        space.demand(self._shelf.folder, room)
        for file in self._absent(release):
            space.take(self.blobs, file.sha256, file.size)

    def download(
        self,
        release: Release,
        progress: Progress = lambda _done, _total: None,
        may_go_on: Callable[[], str] = lambda: "",
    ) -> int:
        """Brings all files of a release here; they count only after `verify`.

        Args:
            release: Whose.
            progress: Told how much of the release's size is here.
            may_go_on: Asked at least each second; a sentence why not pauses it.

        Returns:
            The bytes that came over a line.

        Raises:
            PausedError: It may not go on now; what came is kept.
            RefusedError: No mirror has it rightly.
            StorageError: The disk does not take it.
        """
        line = Line(self._mirrors(), may_go_on=may_go_on)
        here = sum(file.size for file in release.files) - sum(file.size for file in self._absent(release))
        for file in self._absent(release):
            before = here
            line.progress = lambda done, before=before: progress(before + done, release.model.size)  # type: ignore[misc]
            self._bringing.download(file, line)
            here += file.size
        return line.received

    def verify(self, release: Release, may_go_on: Callable[[], str] = lambda: "") -> None:
        """Reads all files back from the disk and looks into them; what is right counts from now on.

        Raises:
            PausedError: It may not go on now.
            RefusedError: A file is not what was signed, or not built as a model must be; it is thrown away.
            StorageError: The disk does not take it.
        """
        line = Line(self._mirrors(), may_go_on=may_go_on)
        for file in self._absent(release):
            self._bringing.verify(file, line)

    def stage(self, model: Model) -> None:
        """Gives a model whose files were verified its place on the shelf.

        Raises:
            RefusedError: Another model of its name is there (`name_taken`).
            ModelError: A file of it is not here.
            StorageError: The disk does not take it.
        """
        if not all(self._shelf.has_room(model, file) for file in model.files):
            raise RefusedError("name_taken", model.name)
        self.blobs.shelve(model, self._shelf)

    def discard(self, release: Release) -> None:
        """Throws away what of a release is on its way.

        Raises:
            StorageError: The disk does not take it.
        """
        with writing():
            for file in release.files:
                for path in (self.blobs.part(file.sha256), self.blobs.journal(file.sha256)):
                    if path.exists():
                        durable.remove(path)

    def collect(self, keep: Iterable[Model]) -> int:
        """Takes away what updates brought and nothing needs; see `keeping`. The bytes that became free.

        Raises:
            StorageError: The disk does not take it.
        """
        keep = list(keep)
        freed = keeping.collect(self._shelf, self.blobs, self.sets, keep)
        self._lists.forget_all_but(
            [present.sha256 for present in self._present()]
            + [file.sha256 for model in keep for file in model.files]
        )
        return freed

    def _absent(self, release: Release) -> list[ReleasedFile]:
        return [file for file in release.files if not self.blobs.holds(file.sha256, file.size)]

    def _room(self, release: Release) -> int:
        return sum(space.missing(self.blobs, file.sha256, file.size) for file in self._absent(release))

    def _present(self) -> list[Present]:
        """The files of the models that are here, those that serve first."""
        serving = [one for one in (self.sets.active(), self.sets.previous()) if one]
        models = [model for one in (*serving, *self.sets.all()) for model in one.models]
        models += catalogue.load().models
        found: dict[str, Present] = {}
        for model in models:
            for file in model.files:
                if file.sha256 not in found and self._shelf.holds(model, file):
                    found[file.sha256] = Present(self._shelf.path(model, file.name), file.sha256, file.size)
        return list(found.values())
