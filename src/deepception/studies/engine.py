"""The engine: units in the order of their dependencies, each measured once, by this process or one beside it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ..errors import (
    BudgetError,
    Cancelled,
    DeepceptionError,
    RunFolderError,
    UnreachableError,
)
from .crew.claims import Claims
from .keeping.store import FinishedUnit, RunStore
from .units import Outcome, Unit

_KEPT = 8
_LOOK = 0.1  # seconds between two looks at what others measure
_STOPPING = (UnreachableError, BudgetError, Cancelled, RunFolderError)

State = Literal["started", "finished", "skipped", "failed", "blocked"]


class Notes(Protocol):
    """Where an execution notes what its units cost; a ledger, or a worker's book."""

    def start(self, unit: Unit) -> None:
        """Note that a unit is under way."""

    def finish(self, finished: FinishedUnit) -> None:
        """Note a finished unit."""

    def fail(self, unit: Unit, error: BaseException, transmissions: int = 0) -> None:
        """Note a unit that failed, and the images that were sent for it in vain."""

    def interrupt(self, unit: Unit, error: BaseException, transmissions: int = 0) -> None:
        """Note a unit that was stopped half-way, and the images that were sent for it in vain."""


@dataclass(frozen=True)
class PlannedUnit:
    """A unit, and the function that measures it, given the outcomes of its dependencies by their hashes."""

    unit: Unit
    run: Callable[[Mapping[str, Outcome]], Outcome]


@dataclass(frozen=True)
class Progress:
    """What has just happened to one unit, and how many units of the plan stand where after it."""

    unit: Unit
    state: State
    total: int
    finished: int
    skipped: int
    failed: int
    blocked: int


@dataclass(frozen=True)
class FailedUnit:
    """A unit that could not be measured, and why."""

    unit: Unit
    error: DeepceptionError


@dataclass(frozen=True)
class BlockedUnit:
    """A unit that was not tried because one that it depends on, ``because`` (its hash), failed."""

    unit: Unit
    because: str


@dataclass(frozen=True)
class CutUnit:
    """A unit that was stopped half-way, and the images that were sent for it: it is measured anew."""

    unit: Unit
    transmissions: int


@dataclass(frozen=True)
class ExecutionReport:
    """How the execution of a plan ended.

    Attributes:
        finished: Hashes of the units that were measured now, by this process, in order.
        skipped: Hashes of the units that had been measured before, or by another process meanwhile.
        failed: Units that failed; the others went on.
        blocked: Units whose dependencies failed.
        stopped: What ended the execution before its end; ``None`` where every unit had its turn.
        cut: The unit that was under way then; ``None`` where none was.
    """

    finished: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: tuple[FailedUnit, ...]
    blocked: tuple[BlockedUnit, ...]
    stopped: DeepceptionError | None = None
    cut: CutUnit | None = None

    @property
    def exit_code(self) -> int:
        """0 fine; 2 nothing could be measured; 3 only a part could; else the code of what stopped it."""
        if self.stopped is not None and not isinstance(self.stopped, BudgetError):
            return self.stopped.exit_code
        if self.stopped is None and not self.failed:
            return 0
        return 3 if self.finished or self.skipped else 2


def joined_report(*stages: ExecutionReport) -> ExecutionReport:
    """One report over stages that followed each other; a unit that two of them met is told once."""
    finished = tuple(dict.fromkeys(h for stage in stages for h in stage.finished))
    failed = {f.unit.hash: f for stage in stages for f in stage.failed}
    return ExecutionReport(
        finished,
        tuple(dict.fromkeys(h for stage in stages for h in stage.skipped if h not in finished)),
        tuple(failed.values()),
        tuple({b.unit.hash: b for stage in stages for b in stage.blocked}.values()),
        stages[-1].stopped,
        stages[-1].cut,
    )


def execute(
    plan: Sequence[PlannedUnit],
    store: RunStore,
    *,
    ledger: Notes | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    spent: Callable[[], int] | None = None,
    claims: Claims | None = None,
) -> ExecutionReport:
    """Measure every unit of a plan that is not finished yet.

    Units run in the order of the plan, dependencies first. A unit that raises a DeepceptionError is noted as
    failed, those that depend on it are blocked, and the rest goes on; UnreachableError, BudgetError,
    RunFolderError, Cancelled and KeyboardInterrupt end the execution, and what was measured is kept.
    Dependents always get what the store gives back, so that neither an interruption nor who measures changes
    anything. Units that other processes have claimed are left to them, and waited for at the end; those of a
    process that dies are taken over. The caller works in the run folder (``open_run``).

    Args:
        plan: The units; one that is listed twice runs once.
        store: Where finished units are found and kept.
        ledger: Notes costs and failures, where given.
        on_progress: Called before and after each unit.
        cancel: Asked before each unit; true ends the execution.
        spent: Counts the images sent so far, so that the ledger knows those sent in vain too.
        claims: Which units this process may measure; ``None`` where no other can be at work.

    Returns:
        How it ended; nothing that stops it is raised.

    Raises:
        ValueError: A unit depends on one that is neither in the plan nor finished.
    """
    return _Execution(plan, store, ledger, on_progress, cancel, spent, claims).run()


class _Execution:
    def __init__(
        self,
        plan: Sequence[PlannedUnit],
        store: RunStore,
        ledger: Notes | None,
        on_progress: Callable[[Progress], None] | None,
        cancel: Callable[[], bool] | None,
        spent: Callable[[], int] | None,
        claims: Claims | None,
    ) -> None:
        self._order = in_order(plan, store)
        self._store = store
        self._ledger = ledger
        self._on_progress = on_progress
        self._cancel = cancel
        self._spent = spent
        self._claims = claims
        self._finished: list[str] = []
        self._skipped: list[str] = []
        self._failed: list[FailedUnit] = []
        self._blocked: list[BlockedUnit] = []
        self._lost: set[str] = set()
        self._cut: CutUnit | None = None
        self._recent: OrderedDict[str, Outcome] = OrderedDict()

    def run(self) -> ExecutionReport:
        stopped: DeepceptionError | None = None
        try:
            waiting = self._order
            while waiting:
                left = [planned for planned in waiting if not self._turn(planned)]
                if len(left) == len(waiting):
                    self._check_cancelled()
                    time.sleep(_LOOK)
                waiting = left
        except _STOPPING as error:
            stopped = error
        except KeyboardInterrupt as interrupt:
            stopped = Cancelled("Interrupted; what was measured is kept.")
            stopped.__cause__ = interrupt
        return ExecutionReport(
            tuple(self._finished),
            tuple(self._skipped),
            tuple(self._failed),
            tuple(self._blocked),
            stopped,
            self._cut,
        )

    def _turn(self, planned: PlannedUnit) -> bool:
        """Do what there is to do for a unit; false where that is another process's, or has to wait for one."""
        unit = planned.unit
        if self._is_done(unit):
            return True
        if self._claims is None:
            self._measure(planned)
            return True
        if not all(self._store.has(dependency) for dependency in unit.depends):
            return False
        failed = self._claims.failure(unit.hash)
        if failed is not None:
            self._lose(unit, failed)
            return True
        self._check_cancelled()
        if not self._claims.take(unit.hash):
            return False
        try:
            # It may have been finished between the look and the claim.
            if not self._is_done(unit):
                self._measure(planned)
        finally:
            self._claims.release(unit.hash)
        return True

    def _is_done(self, unit: Unit) -> bool:
        """Whether a unit is finished, or cannot be; tells so."""
        if self._store.has(unit.hash):
            self._skipped.append(unit.hash)
            self._tell(unit, "skipped")
            return True
        lost = next((dependency for dependency in unit.depends if dependency in self._lost), None)
        if lost is not None:
            self._lost.add(unit.hash)
            self._blocked.append(BlockedUnit(unit, lost))
            self._tell(unit, "blocked")
        return lost is not None

    def _measure(self, planned: PlannedUnit) -> None:
        unit = planned.unit
        self._check_cancelled()
        self._tell(unit, "started")
        before = self._count()
        if self._ledger is not None:
            self._ledger.start(unit)
        try:
            outcome = planned.run({dependency: self._load(dependency) for dependency in unit.depends})
        except (*_STOPPING, KeyboardInterrupt) as error:
            self._cut = CutUnit(unit, self._count() - before)
            if self._ledger is not None and not isinstance(error, RunFolderError):
                self._ledger.interrupt(unit, error, self._count() - before)
            raise
        except DeepceptionError as error:
            if self._ledger is not None:
                self._ledger.fail(unit, error, self._count() - before)
            if self._claims is not None:
                self._claims.fail(unit.hash, error)
            self._lose(unit, error)
            return
        cost = self._store.save(unit.hash, unit, outcome)
        self._finished.append(unit.hash)
        if self._ledger is not None:
            self._ledger.finish(cost)
        self._tell(unit, "finished")

    def _lose(self, unit: Unit, error: DeepceptionError) -> None:
        self._lost.add(unit.hash)
        self._failed.append(FailedUnit(unit, error))
        self._tell(unit, "failed")

    def _check_cancelled(self) -> None:
        if self._cancel is not None and self._cancel():
            raise Cancelled("Cancelled; what was measured is kept.")

    def _load(self, unit_hash: str) -> Outcome:
        if unit_hash in self._recent:
            self._recent.move_to_end(unit_hash)
        else:
            self._recent[unit_hash] = self._store.load(unit_hash)
            if len(self._recent) > _KEPT:
                self._recent.popitem(last=False)
        return self._recent[unit_hash]

    def _count(self) -> int:
        return 0 if self._spent is None else self._spent()

    def _tell(self, unit: Unit, state: State) -> None:
        if self._on_progress is not None:
            counts = (len(self._finished), len(self._skipped), len(self._failed), len(self._blocked))
            self._on_progress(Progress(unit, state, len(self._order), *counts))


def in_order(plan: Sequence[PlannedUnit], store: RunStore) -> list[PlannedUnit]:
    """Put a plan into the order in which it runs: its own, each unit once, dependencies before dependents.

    Raises ValueError where a unit depends on one that is neither in the plan nor finished in the store.
    """
    planned = {entry.unit.hash: entry for entry in reversed(plan)}
    ordered: dict[str, PlannedUnit] = {}

    def place(entry: PlannedUnit) -> None:
        # No cycle is possible: a hash contains those that it depends on.
        if entry.unit.hash in ordered:
            return
        for dependency in entry.unit.depends:
            if dependency in planned:
                place(planned[dependency])
            elif not store.has(dependency):
                raise ValueError(
                    f"the unit {entry.unit.experiment!r} depends on {dependency[:12]}, which is not planned"
                )
        ordered[entry.unit.hash] = entry

    for entry in plan:
        place(entry)
    return list(ordered.values())
