"""The lease of a run: who may write what all share, passed on from one worker to the next."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ...errors import Cancelled
from ..files import folder_error
from .workers import WORKERS, Roster, WorkerInfo

WAIT = 0.1
"""Seconds between two looks at a lease that somebody else holds."""

_READY = "ready"


class Lease:
    """The right to write ``run.json``, ``ledger.sqlite`` and the results; one worker has it at a time.

    Its terms are numbered files, each made by exclusive creation, and the highest counts: whoever finds its holder
    gone makes the next one, and of several that try only one can. So nothing is ever removed that might be
    somebody's, and no file lock is needed, which shared disks may not have.

    Attributes:
        folder: The run folder.
        worker: The number of this worker.
        roster: Who is alive.
    """

    def __init__(self, folder: str | Path, worker: int, roster: Roster) -> None:
        self.folder = Path(folder)
        self.worker, self.roster = worker, roster
        self._term = 0

    @property
    def held(self) -> bool:
        """Whether this worker has it, and nobody took it since for dead."""
        return self._term > 0 and self.term == self._term

    def take(self) -> WorkerInfo | None:
        """Take the lease, if it is free or held already; else tell who has it.

        Raises RunFolderError where the folder cannot be written.
        """
        while not self.held:
            last = self.term
            holder = self._holder(last)
            if holder is not None and not self.roster.gone(holder):
                info = self.roster.about(holder)
                if info is not None:
                    return info
                time.sleep(WAIT)  # it is just about to end
                continue
            try:
                with self._path(last + 1).open("x") as file:
                    file.write(f"{self.worker}\n")
            except FileExistsError:
                continue
            except OSError as error:
                raise folder_error(self.folder, error) from error
            self._term = last + 1
            for term in self._terms():
                if term < self._term:
                    self._path(term).unlink(missing_ok=True)
        return None

    @property
    def term(self) -> int:
        """The number of the term that counts now; 0 where there was none yet."""
        return max(self._terms(), default=0)

    def announce(self) -> None:
        """Tell that the run is ready for others to join, once whoever took the lease has put it in order."""
        try:
            with self._path(self._term).open("a") as file:
                file.write(f"{_READY}\n")
        except OSError as error:
            raise folder_error(self.folder, error) from error

    def announced(self, term: int) -> bool:
        """Whether the holder of a term has done so."""
        try:
            return self._path(term).read_text().endswith(f"{_READY}\n")
        except FileNotFoundError:
            return False
        except OSError as error:
            raise folder_error(self.folder, error) from error

    def wait(self, cancel: Callable[[], bool] | None = None) -> None:
        """Take the lease as soon as its holder lets it go. Raises Cancelled where ``cancel`` says so."""
        while self.take() is not None:
            if cancel is not None and cancel():
                raise Cancelled("Interrupted; what was measured is kept.")
            time.sleep(WAIT)

    def _holder(self, term: int) -> int | None:
        """The number of the worker that has a term; ``None`` where there is no such term."""
        if term == 0:
            return None
        began = time.monotonic()
        while True:
            try:
                text = self._path(term).read_text()
            except FileNotFoundError:
                return None
            except OSError as error:
                raise folder_error(self.folder, error) from error
            number, end, _ = text.partition("\n")
            if end and number.isdecimal():
                return int(number)
            # Its maker is about to write its number; if it died just now, the term is nobody's.
            if time.monotonic() - began > 1.0:
                return 0
            time.sleep(0.01)

    def _terms(self) -> list[int]:
        try:
            found = (self.folder / WORKERS).glob("*.lease")
            return [int(path.stem) for path in found if path.stem.isdecimal()]
        except OSError as error:
            raise folder_error(self.folder, error) from error

    def _path(self, term: int) -> Path:
        return self.folder / WORKERS / f"{term}.lease"
