"""``ledger.sqlite``: what each unit cost, what failed, and who ran the study when."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from ...errors import RunFolderError
from ..crew.workers import WAITING, WorkerInfo
from ..keeping.store import FinishedUnit, RunStore
from ..units import Unit
from .journal import journals
from .ledger_file import LEDGER_NAME, connect, connect_copy, guarded, is_lost, lost, set_aside
from .merging import ANSWERED, merge_journals
from .missing import missing

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Totals:
    """What a run has cost so far.

    Attributes:
        queries: Stimuli whose answers were accepted, over finished units.
        transmissions: Images sent, those of failed and interrupted units included where they are known (of a
            process that was killed they are, where an endpoint was asked).
        seconds: Wall time of finished units.
        cost: What an endpoint charged, in the currency of its price.
        cached: Answers of finished units that were known from a cache; neither queries nor transmissions.
    """

    queries: int
    transmissions: int
    seconds: float
    cost: float = 0.0
    cached: int = 0

    def as_cost(self, *, priced: bool = False) -> dict[str, Any]:
        """What ``results.json`` says under ``cost``.

        What was charged is told where something was or, if ``priced``, would have been; answers from the cache
        where there are any.
        """
        found = {"queries": self.queries, "transmissions": self.transmissions, "seconds": self.seconds}
        found |= {"cached": self.cached} if self.cached else {}
        return found | ({"charged": self.cost} if self.cost or priced else {})


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


# Whether the unit of a row of this table was asked of an endpoint, each of whose queries has a row of its own.
_BY_ROW = "(hash IN (SELECT unit FROM queries))"


class Ledger:
    """The ledger of a run folder; use as a context manager, or call ``close``.

    The chunks and the journals are the truth: the ledger is brought in line with them whenever the holder of the
    lease opens it, and made anew from them, with a warning, where it is lost or damaged. A unit with queries is
    counted by them, any other (a local engine's) as a whole.
    """

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder

    @classmethod
    def open(cls, folder: str | Path, store: RunStore) -> Ledger:
        """Open the ledger as the owner of the run. Raises RunFolderError where it cannot be written."""
        folder = Path(folder)
        finished = store.finished()
        anew = is_lost(folder) and (bool(finished) or any(journals(folder)))
        connection = connect(folder)
        if connection is None:
            anew = True
            set_aside(folder)
            connection = connect(folder)
        if connection is None:
            raise lost(folder, "cannot be made")
        if anew:
            _log.warning("%s in '%s' was lost or damaged: it is made anew.", LEDGER_NAME, folder)
        ledger = cls(connection, folder)
        ledger._align(store, finished)
        ledger.merge()
        if anew:
            for sentence in ledger.missing():
                _log.warning("%s", sentence)
        return ledger

    @classmethod
    def read(cls, folder: str | Path) -> Ledger:
        """Look into the ledger as it is now, journals included, even while others work on it.

        It is a copy, and cannot be written. Raises RunFolderError where the ledger cannot be read.
        """
        ledger = cls(connect_copy(Path(folder)), Path(folder))
        ledger.merge()
        with guarded(ledger._folder):
            ledger._connection.execute("PRAGMA query_only = ON")
        return ledger

    @property
    def connection(self) -> sqlite3.Connection:
        """The SQLite connection under it, to be read."""
        return self._connection

    def merge(self) -> None:
        """Merge what is new in the journals."""
        with guarded(self._folder):
            merge_journals(self._connection, self._folder)

    def missing(self) -> list[str]:
        """What is known to be missing in it, a sentence each."""
        with guarded(self._folder):
            return missing(self._connection, self._folder)

    def begin(self, command: str, number: int | None = None) -> int:
        """Note that a process starts to work on the run; returns the number to give to ``end``."""
        return self._seat(number, _now(), None, command)

    def end(self, sitting: int, at: str | None = None) -> None:
        """Note that the process ends."""
        with guarded(self._folder):
            self._connection.execute(
                "UPDATE sessions SET ended = coalesce(ended, ?) WHERE id = ?", (at or _now(), sitting)
            )

    def note_workers(self, workers: Iterable[WorkerInfo]) -> None:
        """Note the processes that worked on the run under somebody else's lease."""
        known = {row[0] for row in self._select("SELECT id FROM sessions")}
        for worker in workers:
            if worker.number not in known and worker.state != WAITING:
                self._seat(worker.number, worker.since, worker.ended, worker.command)
            elif worker.ended is not None:
                self.end(worker.number, worker.ended)

    def start(self, unit: Unit) -> None:
        """Note that a unit is under way: here nothing, its journal says it with the first query."""

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
        ((asked, sent, cost),) = self._select(
            f"SELECT coalesce(sum(outcome = '{ANSWERED}'), 0), coalesce(sum(transmissions), 0), "
            "coalesce(sum(cost), 0) FROM queries"
        )
        ((queries, whole, seconds, cached),) = self._select(
            f"SELECT coalesce(sum(iif({_BY_ROW}, 0, queries)), 0), "
            f"coalesce(sum(iif({_BY_ROW}, 0, transmissions)), 0), "
            "coalesce(sum(seconds), 0), coalesce(sum(cached), 0) FROM units WHERE state = 'finished'"
        )
        ((in_vain,),) = self._select(
            f"SELECT coalesce(sum(transmissions), 0) FROM failures WHERE NOT {_BY_ROW}"
        )
        sent = int(sent) + int(whole) + int(in_vain)
        return Totals(int(asked) + int(queries), sent, float(seconds), money(cost), int(cached))

    def failures(self) -> list[Failure]:
        """Units that failed and have not been finished since, in the order of their latest errors."""
        rows = self._select(
            "SELECT f.hash, u.experiment, u.photograph, f.error, f.at FROM failures f JOIN units u "
            "ON u.hash = f.hash WHERE u.state = 'failed' AND f.rowid = "
            "(SELECT max(rowid) FROM failures WHERE hash = f.hash) ORDER BY f.rowid"
        )
        return [Failure(*row) for row in rows]

    def sittings(self) -> list[Sitting]:
        """The processes that worked on the run, in order."""
        return [
            Sitting(*row) for row in self._select("SELECT started, ended, command FROM sessions ORDER BY id")
        ]

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

    def align(self, store: RunStore) -> None:
        """Bring it in line with the chunks and the journals, which others may have added to."""
        self._align(store, store.finished())
        self.merge()

    def _align(self, store: RunStore, finished: set[str]) -> None:
        noted = {str(row[0]) for row in self._select("SELECT hash FROM units WHERE state = 'finished'")}
        for unit_hash in sorted(noted - finished):
            with guarded(self._folder):  # its queries, if it has any, still need its name
                self._connection.execute(
                    "UPDATE units SET state = 'started', queries = 0, transmissions = 0, seconds = 0, cached = 0 "
                    "WHERE hash = ?",
                    (unit_hash,),
                )
        for unit_hash in sorted(finished - noted):
            self.finish(store.describe(unit_hash))

    def _seat(self, number: int | None, started: str, ended: str | None, command: str) -> int:
        with guarded(self._folder):
            cursor = self._connection.execute(
                "INSERT OR REPLACE INTO sessions (id, started, ended, command) VALUES (?, ?, ?, ?)",
                (number, started, ended, _text(command)),
            )
            return int(cursor.lastrowid or 0)

    def _select(self, query: str) -> list[tuple[Any, ...]]:
        with guarded(self._folder):
            return list(self._connection.execute(query).fetchall())

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
            cost.cached if cost else 0,
        )
        with guarded(self._folder):
            self._connection.execute("INSERT OR REPLACE INTO units VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _note(self, unit: Unit, error: BaseException, transmissions: int) -> None:
        text = f"{type(error).__name__}: {error}"
        with guarded(self._folder):
            self._connection.execute(
                "INSERT INTO failures VALUES (?, ?, ?, ?)", (unit.hash, _text(text), _now(), transmissions)
            )


def last_sitting(folder: Path) -> int:
    """The highest number of a process in the ledger; 0 where none can be read."""
    try:
        with contextlib.closing(connect_copy(folder)) as connection:
            return int(connection.execute("SELECT coalesce(max(id), 0) FROM sessions").fetchone()[0])
    except (RunFolderError, sqlite3.Error):  # told of when the ledger is opened
        return 0


def money(value: float) -> float:
    """A sum of prices without what adding hundreds of them in binary leaves behind the last digit."""
    return float(f"{value:.12g}")


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode("utf-8")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
