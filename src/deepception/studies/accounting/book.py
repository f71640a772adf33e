"""What a worker notes of its units: in its journal at once, and in the ledger while it holds the lease."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ...errors import RunFolderError
from ..crew.lease import Lease
from ..crew.workers import Roster, Worker, numbers
from ..keeping.store import FinishedUnit, RunStore
from ..units import Unit
from .journal import FileJournal
from .ledger import Failure, Ledger, Sitting, Totals


class Book:
    """The ledger of a run as one of its workers sees it.

    Only the holder of the lease writes ``ledger.sqlite``, so it may lie on a disk that several machines share. The
    others write their journals, which the holder merges; what they have finished the chunks tell.

    Attributes:
        journal: The journal of this worker; sessions that ask endpoints note their queries in it.
    """

    def __init__(self, folder: Path, store: RunStore, worker: Worker, lease: Lease, roster: Roster) -> None:
        self.journal = FileJournal(folder, worker.number)
        self._folder, self._store, self._worker = folder, store, worker
        self._lease, self._roster = lease, roster
        self._ledger: Ledger | None = None

    def open(self, command: str) -> None:
        """As the holder of the lease, put the ledger in order, and note that this process works on the run."""
        ledger = self._written()
        ledger.begin(command, self._worker.number)

    def start(self, unit: Unit) -> None:
        """Note that a unit is under way."""
        self.journal.start(unit)

    def finish(self, finished: FinishedUnit) -> None:
        """Note a finished unit."""
        self.journal.start(None)
        if self._lease.held:
            ledger = self._written()
            ledger.finish(finished)
            ledger.merge()

    def fail(self, unit: Unit, error: BaseException, transmissions: int = 0) -> None:
        """Note a unit that failed, and the images that were sent for it in vain."""
        self._note(unit, error, transmissions, final=True)

    def interrupt(self, unit: Unit, error: BaseException, transmissions: int = 0) -> None:
        """Note a unit that was stopped half-way, and the images that were sent for it in vain."""
        self._note(unit, error, transmissions, final=False)

    def align(self) -> None:
        """As the holder of the lease, bring the ledger in line with all that others have done."""
        known = self._ledger
        ledger = self._written()
        if known is not None:  # else it was aligned as it was opened
            ledger.align(self._store)
        infos = (self._roster.about(number) for number in numbers(self._folder))
        ledger.note_workers([info for info in infos if info is not None])

    def merge(self) -> None:
        """As the holder of the lease, bring what others have noted in their journals into the ledger."""
        if self._lease.held:
            self._written().merge()

    def totals(self) -> Totals:
        """What the run has cost so far, as far as this worker may know."""
        with self._seen() as ledger:
            return Totals(0, 0, 0.0) if ledger is None else ledger.totals()

    def failures(self) -> list[Failure]:
        """Units that failed and have not been finished since."""
        with self._seen() as ledger:
            return [] if ledger is None else ledger.failures()

    def sittings(self) -> list[Sitting]:
        """The processes that worked on the run."""
        with self._seen() as ledger:
            return [] if ledger is None else ledger.sittings()

    def close(self) -> None:
        """Note that the process ends, and close the files."""
        self.journal.close()
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            with ledger:
                if self._lease.held:
                    ledger.end(self._worker.number)

    def _note(self, unit: Unit, error: BaseException, transmissions: int, *, final: bool) -> None:
        self.journal.failed(unit, error, transmissions, final=final)
        self.journal.start(None)
        if self._lease.held:
            self._written().merge()

    def _written(self) -> Ledger:
        if self._ledger is None:
            self._ledger = Ledger.open(self._folder, self._store)
        return self._ledger

    @contextlib.contextmanager
    def _seen(self) -> Iterator[Ledger | None]:
        if self._lease.held:
            yield self._written()
            return
        try:
            ledger = Ledger.read(self._folder)
        except RunFolderError:  # another machine is just writing it, or nobody has yet
            yield None
            return
        with ledger:
            yield ledger
