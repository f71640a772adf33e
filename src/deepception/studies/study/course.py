"""One run of a study under way: its folder, what of it is measured, and what it has spent."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import (
    BudgetError,
    DeepceptionError,
    InputError,
    ObserverError,
    PhotographError,
    RunFolderError,
    UnreachableError,
)
from ..assembling import assemble, plan_of, read_finished, write_results
from ..engine import ExecutionReport
from ..engines import Engine, Good
from ..files import write_atomically
from ..joining import fix_batch_size
from ..keeping.compacting import compact
from ..keeping.store import FinishedUnit
from ..outputs import write_outputs
from ..run_folder import OpenRun, open_run, owner_told
from ..settings import RUN_NAME, RunSettings, load_settings
from .bench import RunKit
from .flow import Flow, Ready
from .journals import Journals
from .orders import UnitReply, framed

PACK = 1_000
"""Finished units of a run after which they are put into a pack."""

LOSSES = 3
"""How often a unit may take its worker with it, in a sitting, before it counts as failed."""

_MERGE = 2.0  # seconds between two mergings of the journals that the workers write
_ALONE = "is measured by a study, whose driver alone hands out its units"


@dataclass(frozen=True)
class StudyRun:
    """One run of a study, prepared.

    Attributes:
        name: Its name in the study, and of its folder below ``runs/``.
        settings: What it is about.
        kit: How a worker opens its observer.
        broken: Photographs that cannot even be read, with why.
        budget: Most images that it may send in all.
        price: What one of them costs; ``None`` where it costs nothing.
        batch_size: Rows of a batch, where the run has none yet.
        units: Units that it has, at most.
    """

    name: str
    settings: RunSettings
    kit: RunKit
    broken: Mapping[str, str]
    budget: int | None
    price: float | None
    batch_size: int
    units: int = 0


@dataclass(frozen=True)
class RunEnd:
    """How one run of a study ended.

    Attributes:
        name: Its name.
        folder: Its folder.
        results: What was found, and what it cost.
        execution: What was measured now, and what failed.
        exit_code: That of DESIGN §4.
    """

    name: str
    folder: Path
    results: dict[str, Any]
    execution: ExecutionReport
    exit_code: int


class Course:
    """One run under way: its folder, its flow, what it has spent."""

    def __init__(self, run: StudyRun, folder: Path, stack: contextlib.ExitStack) -> None:
        self.name, self._asked = run.name, run
        self.folder = folder / "runs" / run.name
        with owner_told(self.folder):
            self.run: OpenRun = stack.enter_context(open_run(self.folder, run.settings, alone=_ALONE))
        if self.run.settings.batch_size is None:
            fix_batch_size(self.folder, run.batch_size)
        settings = load_settings(self.folder)
        text = (self.folder / RUN_NAME).read_text(encoding="utf-8")
        self.kit = replace(run.kit, folder=str(self.folder), settings=text)
        self.plan = plan_of(settings)
        self.flow = Flow(self.plan, self.run.store)
        self.journals = Journals(self.folder, stack)
        totals = self.run.ledger.totals()
        self._spent, self._reserved = totals.transmissions, 0
        self._merged = time.monotonic()
        self._losses: dict[str, int] = {}
        self._loose = 0
        self._goods: dict[str, Good] = {}
        self._outgoing = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deepception-")))

    def allow(self, ready: Ready) -> int | None:
        """Reserve what a unit may send; raises BudgetError where the budget does not suffice."""
        budget = self._asked.budget
        if budget is None:
            return None
        if self._spent + self._reserved + ready.price > budget:
            raise BudgetError(
                f"The budget of {budget:,} images does not suffice: {self._spent:,} were sent, and "
                f"the next unit takes at most {ready.price:,}; raise it."
            )
        self._reserved += ready.price
        return ready.price

    def spend(self, ready: Ready, sent: int) -> None:
        """Turn what was reserved for a unit into what it sent."""
        if self._asked.budget is not None:
            self._reserved -= ready.price
        self._spent += sent

    def lose(self, ready: Ready, why: str) -> None:
        """A worker was lost with a unit: it is tried again, but not for ever."""
        unit = ready.unit
        if self.run.store.has(unit.hash):  # it was lost after the last word of it was written
            self._finish(ready, self.run.store.describe(unit.hash))
            return
        self._losses[unit.hash] = self._losses.get(unit.hash, 0) + 1
        self.spend(ready, 0)
        error = ObserverError(f"the worker that measured it was lost ({why}).")
        if self._losses[unit.hash] < LOSSES:
            self.run.ledger.interrupt(unit, error)
            self.flow.give_back(ready)
            return
        error = ObserverError(f"{LOSSES} workers were lost with it; of the last: {why}.")
        self.run.ledger.fail(unit, error)
        self.flow.fail(unit.hash, error, final=True)

    def take(self, ready: Ready, reply: UnitReply, worker: int) -> DeepceptionError | None:
        """Keep what came back; an error that ends the whole study is returned."""
        unit = ready.unit
        self.journals.add(worker, reply.journal)
        if reply.finished is not None:
            if reply.chunk is not None:
                self.run.store.adopt(unit.hash, *reply.chunk)
            self._finish(ready, reply.finished)
            return None
        error = reply.error or ObserverError("a worker told nothing.")
        self.spend(ready, reply.transmissions)
        if isinstance(error, RunFolderError):
            self.flow.give_back(ready)
            return error
        if isinstance(error, (UnreachableError, BudgetError)):
            self.run.ledger.interrupt(unit, error, reply.transmissions)
            self.flow.drop(unit.hash)
            self.flow.stop(error)
            return None
        self.run.ledger.fail(unit, error, reply.transmissions)
        # What is wrong with a photograph or with what was asked for stays wrong.
        self.flow.fail(unit.hash, error, final=isinstance(error, (PhotographError, InputError)))
        return None

    def _finish(self, ready: Ready, finished: FinishedUnit) -> None:
        """Take note of a unit that is in the store; where there are enough of them, put them into a pack."""
        self.spend(ready, finished.transmissions)
        self.run.ledger.finish(finished)
        self.flow.finish(ready.unit.hash)
        self._loose += 1
        if self._loose >= PACK:
            self._loose = 0
            compact(self.run.store, PACK, held=lambda: self.run.lease.held)

    def share(self, unit_hash: str, engine: Engine) -> Good:
        """A finished unit as a file that workers of another disk bring once each, whatever needs it."""
        if unit_hash not in self._goods:
            path = self._outgoing / unit_hash
            write_atomically(path, framed(self.run.store.export(unit_hash)))
            self._goods[unit_hash] = engine.share(path)
        return self._goods[unit_hash]

    def merge(self) -> None:
        """Bring what workers wrote into their journals into the ledger, at times."""
        now = time.monotonic()
        if now - self._merged > _MERGE:
            self._merged = now
            self.run.ledger.merge()

    def state(self) -> dict[str, Any]:
        """How far it is, plain JSON."""
        stopped = self.flow.stopped
        return {
            "name": self.name,
            "units": self._asked.units,
            **self.flow.counts,
            "sent": self._spent,
            "price": self._asked.price,
            "stopped": None if stopped is None else str(stopped),
            "broken": len(self._asked.broken),
            "failures": [
                {"experiment": f.unit.experiment, "photograph": f.unit.photograph_name, "error": str(f.error)}
                for f in self.flow.failed[-3:]
            ],
        }

    def conclude(self, stopped: DeepceptionError | None) -> RunEnd:
        """Write the results of what is there."""
        execution = self.flow.report()
        if execution.stopped is None and stopped is not None and not self.flow.done:
            execution = replace(execution, stopped=stopped)
        self.run.ledger.align()
        finished = read_finished(load_settings(self.folder), self.run.store)
        results = assemble(finished, self.run.ledger.failures(), self._asked.broken)
        results["cost"] = self.run.ledger.totals().as_cost(priced=self._asked.price is not None)
        write_results(self.folder, results)
        write_outputs(self.folder, finished)
        code = execution.exit_code
        if code == 3 and not any(summary["rows"] for summary in results["properties"].values()):
            code = 2
        return RunEnd(
            self.name, self.folder, results, execution, 3 if code == 0 and self._asked.broken else code
        )
