"""``ledger.sqlite``: what each unit cost, what failed, and who ran the study when."""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from ..errors import RunFolderError
from .ledger_file import LEDGER_NAME, connect, connect_reading, guarded, set_aside
from .store import FinishedUnit, RunStore
from .units import Unit

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Totals:
    """What a run has cost so far.

    Attributes:
        queries: Stimuli whose answers were accepted, over finished units.
        transmissions: Images sent, those of failed and interrupted units included where they are known (of a
            process that was killed they are not).
        seconds: Wall time of finished units.
    """

    queries: int
    transmissions: int
    seconds: float


@dataclass(frozen=True)
class Failure:
    """A unit that failed and has not been finished since, with its latest error and the time of it."""

    hash: str
    experiment: str
    photograph: str | None
    error: str
    at: str


@dataclass(frozen=True)
class Sitting:
    """A process that worked on the run: UTC times (``ended`` is ``None`` if it was killed) and command."""

    started: str
    ended: str | None
    command: str


class Ledger:
    """The ledger of a run folder; use as a context manager, or call ``close``.

    The chunks are the truth: the owner's ledger is brought in line with them whenever it is opened, and made
    anew from them, with a warning, where it is lost or damaged (failures, and transmissions of unfinished
    units, are then forgotten).
    """

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder

    @classmethod
    def open(cls, folder: str | Path, store: RunStore) -> Ledger:
        """Open the ledger as the owner of the run. Raises RunFolderError where it cannot be written."""
        folder = Path(folder)
        finished = store.finished()
        lost = bool(finished) and not (folder / LEDGER_NAME).exists()
        connection = connect(folder)
        if connection is None:
            lost = True
            set_aside(folder)
            connection = connect(folder)
        if connection is None:
            raise RunFolderError(f"{LEDGER_NAME} in '{folder}' cannot be made: remove it and run again.")
        if lost:
            _log.warning("%s in '%s' was lost or damaged: it is made anew.", LEDGER_NAME, folder)
        ledger = cls(connection, folder)
        ledger._align(store, finished)
        return ledger

    @classmethod
    def read(cls, folder: str | Path) -> Ledger:
        """Open the ledger to look into it, even while its owner works. Raises RunFolderError if it cannot."""
        return cls(connect_reading(Path(folder)), Path(folder))

    def begin(self, command: str) -> int:
        """Note that a process starts to work on the run; returns the number to give to ``end``."""
        with guarded(self._folder):
            cursor = self._connection.execute(
                "INSERT INTO sessions (started, command) VALUES (?, ?)", (_now(), _text(command))
            )
            return int(cursor.lastrowid or 0)

    def end(self, sitting: int) -> None:
        """Note that the process ends."""
        with guarded(self._folder):
            self._connection.execute("UPDATE sessions SET ended = ? WHERE id = ?", (_now(), sitting))

    def finish(self, finished: FinishedUnit) -> None:
        """Note a finished unit."""
        self._put(finished.unit, "finished", finished)

    def fail(self, unit: Unit, error: BaseException, transmissions: int = 0) -> None:
        """Note a unit that failed, and the images that were sent for it in vain."""
        self._put(unit, "failed", None)
        self._note(unit, error, transmissions)

    def interrupt(self, unit: Unit, error: BaseException, transmissions: int = 0) -> None:
        """Note a unit that was stopped half-way, and the images that were sent for it in vain."""
        self._note(unit, error, transmissions)

    def totals(self) -> Totals:
        """What the run has cost so far."""
        with guarded(self._folder):
            queries, sent, seconds = self._connection.execute(
                "SELECT coalesce(sum(queries), 0), coalesce(sum(transmissions), 0), "
                "coalesce(sum(seconds), 0) FROM units WHERE state = 'finished'"
            ).fetchone()
            (in_vain,) = self._connection.execute(
                "SELECT coalesce(sum(transmissions), 0) FROM failures"
            ).fetchone()
        return Totals(int(queries), int(sent) + int(in_vain), float(seconds))

    def failures(self) -> list[Failure]:
        """Units that failed and have not been finished since, in the order of their latest errors."""
        with guarded(self._folder):
            rows = self._connection.execute(
                "SELECT f.hash, u.experiment, u.photograph, f.error, f.at FROM failures f JOIN units u "
                "ON u.hash = f.hash WHERE u.state = 'failed' AND f.rowid = "
                "(SELECT max(rowid) FROM failures WHERE hash = f.hash) ORDER BY f.rowid"
            ).fetchall()
        return [Failure(*row) for row in rows]

    def sittings(self) -> list[Sitting]:
        """The processes that worked on the run, in order."""
        with guarded(self._folder):
            rows = self._connection.execute(
                "SELECT started, ended, command FROM sessions ORDER BY id"
            ).fetchall()
        return [Sitting(*row) for row in rows]

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        self._connection.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _align(self, store: RunStore, finished: set[str]) -> None:
        with guarded(self._folder):
            rows = self._connection.execute("SELECT hash FROM units WHERE state = 'finished'").fetchall()
        noted = {str(row[0]) for row in rows}
        for unit_hash in sorted(noted - finished):
            with guarded(self._folder):
                self._connection.execute("DELETE FROM units WHERE hash = ?", (unit_hash,))
        for unit_hash in sorted(finished - noted):
            self.finish(store.describe(unit_hash))

    def _put(self, unit: Unit, state: str, cost: FinishedUnit | None) -> None:
        row = (
            unit.hash,
            unit.experiment,
            None if unit.photograph_name is None else _text(unit.photograph_name),
            state,
            cost.queries if cost else 0,
            cost.transmissions if cost else 0,
            cost.seconds if cost else 0.0,
            cost.finished_at if cost else _now(),
        )
        with guarded(self._folder):
            self._connection.execute("INSERT OR REPLACE INTO units VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _note(self, unit: Unit, error: BaseException, transmissions: int) -> None:
        text = f"{type(error).__name__}: {error}"
        with guarded(self._folder):
            self._connection.execute(
                "INSERT INTO failures VALUES (?, ?, ?, ?)", (unit.hash, _text(text), _now(), transmissions)
            )


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode("utf-8")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
