"""The units of one run in the order in which they can be measured, made as they are needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...errors import DeepceptionError
from ..engine import BlockedUnit, ExecutionReport, FailedUnit
from ..keeping.store import RunStore
from ..planning.measuring import PlannedPhotograph
from ..planning.plan import AuditPlan, MeasurePlan, plan_alone, plan_clean, plan_period, plan_shared
from ..units import Unit
from .orders import Known

ATTEMPTS = 2
"""How often a unit is tried that fails; so often in a sitting."""


@dataclass(frozen=True)
class Ready:
    """A unit that can be measured now.

    Attributes:
        unit: Which.
        price: Queries that it costs, at most.
        photograph: The photograph in whose plan it is; ``None`` where all share it.
        top: Clean top-1 of that photograph, where it is known.
    """

    unit: Unit
    price: int
    photograph: PlannedPhotograph | None = None
    top: int | None = None


@dataclass(eq=False)
class _Group:
    """Units that are waited for together: those of one photograph, or of one step that all share."""

    photograph: PlannedPhotograph | None = None
    top: int | None = None
    open: set[str] = field(default_factory=set)


class Flow:
    """What of a run can be measured now, what is under way, and what became of the rest.

    First the clean answers of the photographs on which all others depend, then the rows of the period, then what
    is shared, with the photographs beside it: of these only ``window`` are planned at a time, so that memory does
    not grow with their number. What the store has is never handed out.

    Args:
        plan: What is to be measured.
        store: What is measured already.
        window: Photographs that are planned at a time.

    Attributes:
        known: What the plans of the workers follow from.
        stopped: What ended the run before its end.
        shared: Hashes of the units that do not belong to one photograph alone.
    """

    def __init__(self, plan: AuditPlan, store: RunStore, *, window: int = 64) -> None:
        self.known = Known()
        self.stopped: DeepceptionError | None = None
        self.shared: set[str] = set()
        self._store, self._window = store, window
        self._photographs = iter(plan.photographs)
        self._plan = plan.of_all
        self._ready: deque[Ready] = deque()
        self._under_way: dict[str, Ready] = {}
        self._waiting: dict[str, tuple[Ready, set[str]]] = {}
        self._dependents: dict[str, list[str]] = {}
        self._group_of: dict[str, _Group] = {}
        self._groups: list[_Group] = []
        self._lost: set[str] = set()
        self._tries: dict[str, int] = {}
        self._shared: MeasurePlan | None = None
        self._steps = self._stepping()
        self._ended = False
        self._finished: list[str] = []
        self._skipped: list[str] = []
        self._failed: list[FailedUnit] = []
        self._blocked: list[BlockedUnit] = []

    def take(self) -> Ready | None:
        """Hand out a unit; ``None`` where nothing can be measured now."""
        while not self._ready and not self._ended and self.stopped is None:
            try:
                if not next(self._steps):
                    break
            except StopIteration:
                self._ended = True
        if not self._ready or self.stopped is not None:
            return None
        ready = self._ready.popleft()
        self._under_way[ready.unit.hash] = ready
        return ready

    @property
    def done(self) -> bool:
        """Whether nothing is left to hand out, nor under way."""
        if self._under_way:
            return False
        if self.stopped is not None:
            return True
        if self._ready:
            return False
        ready = self.take()
        if ready is not None:
            self.give_back(ready)
        return ready is None and self._ended

    def give_back(self, ready: Ready) -> None:
        """Hand a unit back that was not measured: it will be handed out again, before all others."""
        self._under_way.pop(ready.unit.hash, None)
        self._ready.appendleft(ready)

    def finish(self, unit_hash: str) -> None:
        """Take note that a unit is finished, and in the store."""
        self._under_way.pop(unit_hash)
        self._finished.append(unit_hash)
        self._settle(unit_hash)

    def fail(self, unit_hash: str, error: DeepceptionError, *, final: bool = False) -> None:
        """Take note that a unit failed: it is tried again, unless that is ``final`` or it was tried enough."""
        ready = self._under_way.pop(unit_hash)
        self._tries[unit_hash] = self._tries.get(unit_hash, 0) + 1
        if not final and self._tries[unit_hash] < ATTEMPTS:
            self._ready.append(ready)
            return
        self._failed.append(FailedUnit(ready.unit, error))
        self._lose(unit_hash)

    def stop(self, error: DeepceptionError) -> None:
        """Hand nothing out any more."""
        self.stopped = self.stopped or error

    def drop(self, unit_hash: str) -> None:
        """Take note that a unit under way is given up, as the run is stopped."""
        self._under_way.pop(unit_hash, None)

    @property
    def counts(self) -> dict[str, int]:
        """How many units are finished, skipped (measured before), failed and blocked, and under way."""
        return {
            "finished": len(self._finished),
            "skipped": len(self._skipped),
            "failed": len(self._failed),
            "blocked": len(self._blocked),
            "under_way": len(self._under_way),
        }

    @property
    def failed(self) -> Sequence[FailedUnit]:
        """Units that failed, in order."""
        return self._failed

    def report(self) -> ExecutionReport:
        """How it has gone so far."""
        return ExecutionReport(
            tuple(self._finished),
            tuple(self._skipped),
            tuple(self._failed),
            tuple(self._blocked),
            self.stopped,
        )

    # --- steps -----------------------------------------------------------------------------------------------

    def _stepping(self) -> Iterator[bool]:
        """One step further at each call; false where it has to be waited for."""
        plan = self._plan
        first = plan.everyone
        cleans = plan_clean(plan, None, first)
        for photograph, entry in zip(first, cleans, strict=True):
            self._open(_Group(), [Ready(entry.unit, 1, photograph)])
        yield from self._all_ended()
        tops = {p.sha256: t for p in first if (t := self._top(p)) is not None}
        self.known = Known(tops)
        rows = plan_period(plan, tops, None)
        self._open(_Group(), [Ready(e.unit, rows.price[e.unit.hash]) for e in rows.units])
        yield from self._all_ended()
        there = frozenset(e.unit.hash for e in rows.units if self._store.has(e.unit.hash))
        self.known = Known(tops, there)
        shared = self._shared = plan_shared(plan, tops, None, there.__contains__)
        late = [e for e in shared.units if e.unit.hash not in {r.unit.hash for r in rows.units}]
        self._open(_Group(), [Ready(e.unit, shared.price[e.unit.hash]) for e in late])
        for photograph in self._photographs:
            while len(self._groups) > self._window:
                yield False
            self._begin(photograph)
            yield True
        yield from self._all_ended()

    def _all_ended(self) -> Iterator[bool]:
        while self._groups:
            yield bool(self._ready)

    def _begin(self, photograph: PlannedPhotograph) -> None:
        unit = self._plan.clean_unit(photograph)
        if unit.hash in self._lost:  # all others depended on it, and it failed
            return
        top = self._top(photograph)
        if top is None:
            self._open(_Group(photograph), [Ready(unit, 1, photograph)])
            return
        if photograph.sha256 not in self.known.cleans:
            self._skipped.append(unit.hash)
        self._expand(_Group(photograph, top))

    def _expand(self, group: _Group) -> None:
        """Plan what follows from the clean answer of a photograph."""
        assert group.photograph is not None
        assert group.top is not None
        assert self._shared is not None
        cleans = {**self.known.cleans, group.photograph.sha256: group.top}
        made = plan_alone(self._plan, self._shared, group.photograph, cleans, None)
        self._open(
            group,
            [Ready(e.unit, made.price[e.unit.hash], group.photograph, group.top) for e in made.units],
        )

    def _top(self, photograph: PlannedPhotograph) -> int | None:
        unit_hash = self._plan.clean_unit(photograph).hash
        return int(self._store.load(unit_hash).record["top"][0]) if self._store.has(unit_hash) else None

    # --- dependencies ----------------------------------------------------------------------------------------

    def _open(self, group: _Group, entries: Sequence[Ready]) -> None:
        """Add units, each after those that it depends on; what is measured, or cannot be, ends at once."""
        new = []
        if group.photograph is None:
            self.shared.update(entry.unit.hash for entry in entries)
        for entry in entries:
            unit = entry.unit
            if self._store.has(unit.hash):
                self._skipped.append(unit.hash)
            elif (lost := next((d for d in unit.depends if d in self._lost), None)) is not None:
                self._blocked.append(BlockedUnit(unit, lost))
                self._lost.add(unit.hash)
            else:
                group.open.add(unit.hash)
                self._group_of[unit.hash] = group
                new.append(entry)
        if group.open and group not in self._groups:
            self._groups.append(group)
        for entry in new:
            missing = {d for d in entry.unit.depends if not self._store.has(d)}
            if not missing:
                self._ready.append(entry)
                continue
            self._waiting[entry.unit.hash] = (entry, missing)
            for dependency in missing:
                self._dependents.setdefault(dependency, []).append(entry.unit.hash)

    def _settle(self, unit_hash: str) -> None:
        """A unit is in the store: free those that waited for it, and go on with its photograph."""
        for dependent in self._dependents.pop(unit_hash, ()):
            if dependent not in self._waiting:
                continue
            entry, missing = self._waiting[dependent]
            missing.discard(unit_hash)
            if not missing:
                del self._waiting[dependent]
                self._ready.append(entry)
        group = self._group_of.pop(unit_hash)
        group.open.discard(unit_hash)
        if group.photograph is not None and group.top is None:
            group.top = self._top(group.photograph)
            self._expand(group)
        self._close(group)

    def _lose(self, unit_hash: str) -> None:
        """A unit is lost, and so is all that depends on it."""
        self._lost.add(unit_hash)
        group = self._group_of.pop(unit_hash)
        group.open.discard(unit_hash)
        self._close(group)
        for dependent in self._dependents.pop(unit_hash, ()):
            if dependent in self._waiting:
                entry, _ = self._waiting.pop(dependent)
                self._blocked.append(BlockedUnit(entry.unit, unit_hash))
                self._lose(dependent)

    def _close(self, group: _Group) -> None:
        if not group.open and group in self._groups:
            self._groups.remove(group)
