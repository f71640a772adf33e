"""What a worker of a study does its orders at: observers that are opened once, and the plans of their runs."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DeepceptionError, ObserverError
from ...observers import Observer, fingerprint, open_observer, restrict
from ...observers.remote import is_remote
from ...sessions import CacheChoice, Session, chosen_cache
from ..accounting.journal import FileJournal, journal_path
from ..assembling import plan_of
from ..crew.workers import WORKING, Worker
from ..engine import PlannedUnit
from ..keeping.store import RunStore
from ..planning.measuring import PlannedPhotograph
from ..planning.plan import AuditPlan, MeasurePlan, plan_alone, plan_clean, plan_period, plan_shared
from ..settings import RunSettings
from ..units import Outcome
from .orders import Known, UnitOrder, UnitReply, unframed

if TYPE_CHECKING:
    from ..engines import Good, Place


@dataclass(frozen=True)
class RunKit:
    """What a worker must know to measure units of one run.

    Attributes:
        folder: The run folder, at the driver.
        settings: ``run.json``.
        model: What opens the observer.
        options: Options of ``open_observer``.
        knowledge: What may be used of its answers; ``None`` for all.
        files: Files that opening it needs, under the names that they have beside each other.
        cache: Where answers are kept.
    """

    folder: str
    settings: str
    model: str
    options: Mapping[str, Any]
    knowledge: str | None
    files: tuple[str, ...]
    cache: CacheChoice


@dataclass(frozen=True)
class StudyBenchMaker:
    """Makes the bench of a worker; travels to it."""

    kits: Mapping[str, RunKit]

    def __call__(self, place: Place) -> StudyBench:
        """The bench at a place."""
        return StudyBench(place, self.kits)


class StudyBench:
    """Measures units of the runs of a study, one at a time."""

    def __init__(self, place: Place, kits: Mapping[str, RunKit]) -> None:
        self._place, self._kits = place, kits
        self._runs: dict[str, _RunBench] = {}

    def do(self, order: UnitOrder) -> UnitReply:
        """Measure a unit; what fails is told in the reply."""
        run = self._runs.get(order.run)
        try:
            if run is None:
                run = _RunBench(order.run, self._place, self._kits[order.run], order.goods)
                self._runs[order.run] = run
            return run.measure(order)
        except DeepceptionError as error:
            return UnitReply(error=error)

    def close(self) -> None:
        """Close all observers."""
        for run in self._runs.values():
            run.close()


class _RunBench:
    """One run: its observer, its session and its plan."""

    def __init__(self, name: str, place: Place, kit: RunKit, goods: Mapping[str, Good]) -> None:
        self._place = place
        self._open = contextlib.ExitStack()
        self._settings = RunSettings.model_validate(
            {k: v for k, v in json.loads(kit.settings).items() if k != "digest"}
        )
        self._folder = Path(kit.folder)
        if not place.sees_disk:
            # The whole name: what one run lets go of, another of the same observer may still need.
            self._folder = place.scratch / "runs" / name
            self._folder.mkdir(parents=True, exist_ok=True)
        self._store = RunStore(self._folder)
        self._observer = _opened(kit, place, goods)
        self._open.callback(self._observer.close)
        self._check()
        self._journal = self._journal_of()
        cache = chosen_cache(self._observer, kit.cache)
        if cache is not None:
            self._open.enter_context(cache)
        self._session = self._open.enter_context(
            Session(
                self._observer,
                batch_size=self._settings.batch_size,
                cache=cache,
                journal=self._journal,
            )
        )
        plan = plan_of(self._settings)
        self._photographs = {p.sha256: p for p in plan.everyone}
        self._plan = _few(plan, goods, place)
        self._shared: tuple[Known, MeasurePlan] | None = None

    def close(self) -> None:
        self._open.close()

    def measure(self, order: UnitOrder) -> UnitReply:
        """Measure a unit, and keep it where the run folder is seen."""
        session = self._session
        for unit_hash, chunk in order.supplies.items():
            self._store.adopt(unit_hash, *chunk)
        for unit_hash, good in order.shared.items():
            if not self._store.has(unit_hash):
                self._store.adopt(unit_hash, *unframed(self._place.path(good).read_bytes()))
        planned = self._find(order)
        sent = session.transmissions
        session.budget = None if order.allowance is None else sent + order.allowance
        if self._journal is not None:
            self._journal.start(planned.unit)
        try:
            outcome = planned.run(_Supplies(self._store))
        except DeepceptionError as error:
            return UnitReply(error=error, transmissions=session.transmissions - sent, journal=self._noted())
        finally:
            if self._journal is not None:
                self._journal.start(None)
        finished = self._store.save(order.unit, planned.unit, outcome)
        if self._place.sees_disk:
            return UnitReply(finished)
        chunk = self._store.export(order.unit)
        for unit_hash in (order.unit, *order.supplies):
            self._store.forget(unit_hash)
        self._let_go(order)
        return UnitReply(finished, chunk=chunk, journal=self._noted())

    def _let_go(self, order: UnitOrder) -> None:
        """Remove the copy of a photograph, which is needed once."""
        if order.photograph is not None:
            good = order.goods.get(self._photographs[order.photograph].path)
            if good is not None:
                self._place.path(good).unlink(missing_ok=True)

    def _find(self, order: UnitOrder) -> PlannedUnit:
        """The unit in the plan that follows from what the order says."""
        for entry in self._candidates(order):
            if entry.unit.hash == order.unit:
                return entry
        raise ObserverError(
            f"a worker plans other units than the driver (no {order.unit[:12]} in {order.run}): "
            "install the same version of deepception everywhere."
        )

    def _candidates(self, order: UnitOrder) -> list[PlannedUnit]:
        plan, known, session = self._plan, order.known, self._session
        if order.photograph is not None:
            photograph = self._at_hand(self._photographs[order.photograph], order)
            if order.top is None:
                return plan_clean(plan, session, [photograph])
            cleans = {**known.cleans, photograph.sha256: order.top}
            return plan_alone(plan, self._made(known), photograph, cleans, session).units
        if known.rows is None:
            return plan_period(plan, known.cleans, session).units
        return self._made(known).units

    def _made(self, known: Known) -> MeasurePlan:
        """What is shared, planned once."""
        if self._shared is None or self._shared[0] != known:
            rows = known.rows or frozenset()
            self._shared = known, plan_shared(self._plan, known.cleans, self._session, rows.__contains__)
        return self._shared[1]

    def _at_hand(self, photograph: PlannedPhotograph, order: UnitOrder) -> PlannedPhotograph:
        """The photograph under a path that exists here."""
        good = order.goods.get(photograph.path)
        return photograph if good is None else replace(photograph, path=str(self._place.path(good)))

    def _check(self) -> None:
        expected, found = self._settings.observers[0], fingerprint(self._observer)
        if found != expected.fingerprint:
            raise ObserverError(
                f"{expected.name} is another observer for a worker than for the study (fingerprint {found[:12]} "
                f"instead of {expected.fingerprint[:12]}): give all workers the same files and engines."
            )

    def _journal_of(self) -> FileJournal | None:
        """A journal of this worker's own, where an endpoint is asked."""
        observer = self._observer
        if not is_remote(observer):
            return None
        number = 0
        if self._place.sees_disk:
            worker = self._open.enter_context(Worker(self._folder, "a worker of a study"))
            worker.say(WORKING)
            number = worker.number
        journal = FileJournal(self._folder, number)
        journal.price = observer.limits.cost or 0.0
        self._open.callback(journal.close)
        return journal

    def _noted(self) -> bytes:
        """What the journal has that the driver cannot see; it is emptied."""
        if self._journal is None or self._place.sees_disk:
            return b""
        path = journal_path(self._folder, 0)
        if not path.exists():
            return b""
        noted = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(0)
        return noted


def _few(plan: AuditPlan, goods: Mapping[str, Good], place: Place) -> AuditPlan:
    """The plan of what all photographs share, with the files that were brought where they lie here."""
    files = {sha: str(place.path(goods[path])) if path in goods else path for sha, path in plan.files.items()}
    return replace(plan.of_all, files=files)


class _Supplies(Mapping[str, Outcome]):
    """The outcomes that a unit depends on, read when they are looked up."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._read: dict[str, Outcome] = {}

    def __getitem__(self, unit_hash: str) -> Outcome:
        if unit_hash not in self._read:
            if not self._store.has(unit_hash):
                raise KeyError(unit_hash)
            self._read[unit_hash] = self._store.load(unit_hash)
        return self._read[unit_hash]

    def __iter__(self) -> Any:
        return iter(self._read)

    def __len__(self) -> int:
        return len(self._read)


def _opened(kit: RunKit, place: Place, goods: Mapping[str, Good]) -> Observer:
    """Open the observer, from copies of its files where the driver's are not seen."""
    model, options = kit.model, dict(kit.options)
    if not place.sees_disk and kit.files:
        folder = place.scratch / "models" / Path(kit.folder).name
        folder.mkdir(parents=True, exist_ok=True)
        for path in kit.files:
            here = folder / Path(path).name
            if not here.exists():
                shutil.copyfile(place.path(goods[path]), here)
            model = model.replace(path, str(here))
            options = {k: str(here) if v == path else v for k, v in options.items()}
    options.setdefault("threads", place.threads)
    observer = open_observer(model, **options)
    return observer if kit.knowledge is None else restrict(observer, kit.knowledge)
