"""The driver of a study: it alone decides what is measured where, and writes the ledgers and the results."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import (
    BudgetError,
    Cancelled,
    DeepceptionError,
    InputError,
    ObserverError,
    PhotographError,
    RunFolderError,
    UnreachableError,
)
from ..assembling import assemble, plan_of, read_finished, write_results
from ..compacting import compact
from ..engine import ExecutionReport
from ..engines import BenchMaker, Ending, Engine, Good
from ..files import write_atomically
from ..joining import fix_batch_size
from ..outputs import write_outputs
from ..run_folder import OpenRun, open_run, owner_told
from ..runner import Listeners
from ..settings import RUN_NAME, RunSettings, load_settings
from .bench import RunKit, StudyBenchMaker
from .flow import Flow, Ready
from .journals import Journals
from .orders import UnitOrder, UnitReply, framed
from .status import Status

PACK = 1_000
"""Finished units of a run after which they are put into a pack."""

LOSSES = 3
"""How often a unit may take its worker with it, in a sitting, before it counts as failed."""

_LOOK = 0.5  # seconds between two looks at whether the person interrupted
_MERGE = 2.0  # seconds between two mergings of the journals that the workers write
_GRACE = 5.0  # seconds that units under way are given when a person interrupts
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


@dataclass(frozen=True)
class StudyEnd:
    """How a study ended: its runs, and what ended it before its end."""

    runs: tuple[RunEnd, ...]
    stopped: DeepceptionError | None = None

    @property
    def exit_code(self) -> int:
        """0 fine; 3 a part could not be measured; what stopped it, or what all of its runs ended with."""
        if self.stopped is not None:
            return self.stopped.exit_code
        codes = {run.exit_code for run in self.runs}
        if len(codes) == 1:
            return codes.pop()
        return 3 if codes else 2


def conduct(
    runs: Sequence[StudyRun],
    folder: Path,
    engine: Callable[[BenchMaker], Engine],
    *,
    listeners: Listeners | None = None,
    on_status: Callable[[Mapping[str, Any]], None] | None = None,
) -> StudyEnd:
    """Measure what the runs of a study still lack, and write the results of each.

    Args:
        runs: Its runs.
        folder: The folder of the study.
        engine: Starts the workers, given what makes their benches.
        listeners: Who is told what happens, and may end the measuring; what was measured is kept.
        on_status: Is told how far it is, some times a second.

    Raises:
        RunFolderError: A folder cannot be used, or another process works in it.
        DeepceptionError: The workers cannot be started.
    """
    listeners = listeners or Listeners()
    with contextlib.ExitStack() as stack:
        courses = [_Course(run, folder, stack) for run in runs]
        status = Status(folder, [course.name for course in courses], on_status)
        kits = {course.name: course.kit for course in courses}
        stopped: DeepceptionError | None = None
        if any(not course.flow.done for course in courses):
            with engine(StudyBenchMaker(kits)) as working:
                stopped = _Driver(list(courses), working, listeners, status).drive()
        ends = tuple(course.conclude(stopped) for course in courses)
        status.write(lambda: [course.state() for course in courses], ended=True)
    return StudyEnd(ends, stopped)


class _Course:
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
                f"The budget of {budget:,} images of {self.name} does not suffice: {self._spent:,} were sent, and "
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
            finished = self.run.store.describe(unit.hash)
            self.spend(ready, finished.transmissions)
            self.run.ledger.finish(finished)
            self.flow.finish(unit.hash)
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
            self.spend(ready, reply.finished.transmissions)
            self.run.ledger.finish(reply.finished)
            self.flow.finish(unit.hash)
            self._pack()
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

    def _pack(self) -> None:
        """Put finished units into a pack, where there are enough of them."""
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


@dataclass
class _Driver:
    """Hands out units to workers, of all runs in turn, until there is nothing left."""

    courses: list[_Course]
    engine: Engine
    listeners: Listeners
    status: Status
    _under_way: dict[int, tuple[_Course, Ready]] = field(default_factory=dict)
    _goods: dict[str, Good] = field(default_factory=dict)
    _number: int = 0

    def drive(self) -> DeepceptionError | None:
        """Until all is measured; returns what stopped it before."""
        stopped: DeepceptionError | None = None
        try:
            while stopped is None:
                if self.listeners.cancel is not None and self.listeners.cancel.is_set():
                    stopped = Cancelled("Interrupted; what was measured is kept.")
                    self._drain()
                    break
                self._hand_out()
                if not self._under_way:
                    break
                for ending in self.engine.wait(_LOOK):
                    stopped = self._end(ending) or stopped
                for course in self.courses:
                    course.merge()
                self.status.write(lambda: [course.state() for course in self.courses])
        except KeyboardInterrupt as interrupt:
            stopped = Cancelled("Interrupted; what was measured is kept.")
            stopped.__cause__ = interrupt
        except DeepceptionError as error:
            stopped = error
        return stopped

    def _drain(self) -> None:
        """Keep what ends soon of what is under way."""
        until = time.monotonic() + _GRACE
        while self._under_way and (left := until - time.monotonic()) > 0:
            for ending in self.engine.wait(left):
                self._end(ending)

    def _hand_out(self) -> None:
        """Fill the workers, a unit of each run in turn."""
        idle = 0
        while self.engine.room and idle < len(self.courses):
            course = self.courses.pop(0)
            self.courses.append(course)
            ready = course.flow.take()
            if ready is None:
                idle += 1
                continue
            try:
                allowance = course.allow(ready)
            except BudgetError as error:
                course.flow.drop(ready.unit.hash)
                course.flow.stop(error)
                continue
            idle = 0
            self._submit(course, ready, allowance)

    def _submit(self, course: _Course, ready: Ready, allowance: int | None) -> None:
        supplies, shared, goods = {}, {}, {}
        if not self.engine.sees_disk:
            store = course.run.store
            depends = [d for d in ready.unit.depends if store.has(d)]
            supplies = {d: store.export(d) for d in depends if d not in course.flow.shared}
            shared = {d: course.share(d, self.engine) for d in depends if d in course.flow.shared}
            paths = [*course.kit.files, *course.plan.files.values()]
            if ready.photograph is not None and ready.top is None:
                paths.append(ready.photograph.path)
            try:
                goods = {path: self._share(path) for path in paths}
            except DeepceptionError as error:
                course.take(ready, UnitReply(error=error), 0)
                return
        order = UnitOrder(
            run=course.name,
            unit=ready.unit.hash,
            photograph=None if ready.photograph is None else ready.photograph.sha256,
            top=ready.top,
            known=course.flow.known,
            allowance=allowance,
            supplies=supplies,
            shared=shared,
            goods=goods,
        )
        self._number += 1
        self._under_way[self._number] = (course, ready)
        course.run.ledger.start(ready.unit)
        self.engine.submit(self._number, order)

    def _share(self, path: str) -> Good:
        """Share a file; those that all runs need are shared once."""
        if path not in self._goods:
            if len(self._goods) > 256:  # photographs, which are needed once
                self._goods.clear()
            self._goods[path] = self.engine.share(Path(path))
        return self._goods[path]

    def _end(self, ending: Ending) -> DeepceptionError | None:
        course, ready = self._under_way.pop(ending.number)
        if ending.state == "lost":
            course.lose(ready, ending.why)
            return None
        reply = ending.value if ending.state == "done" else UnitReply(error=ending.error)
        return course.take(ready, reply, ending.worker)
