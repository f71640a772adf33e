"""The driver of a study: it alone decides what is measured where, and writes the ledgers and the results."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import (
    BudgetError,
    Cancelled,
    DeepceptionError,
)
from ..engines import BenchMaker, Ending, Engine, Good
from ..runner import Listeners
from .bench import StudyBenchMaker
from .course import Course, RunEnd, StudyRun
from .flow import Ready
from .orders import UnitOrder, UnitReply
from .status import Status

_LOOK = 0.5  # seconds between two looks at whether the person interrupted
_GRACE = 5.0  # seconds that units under way are given when a person interrupts


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
    about: Mapping[str, Any] | None = None,
) -> StudyEnd:
    """Measure what the runs of a study still lack, and write the results of each.

    Args:
        runs: Its runs.
        folder: The folder of the study.
        engine: Starts the workers, given what makes their benches.
        listeners: Who is told what happens, and may end the measuring; what was measured is kept.
        on_status: Is told how far it is, some times a second.
        about: What the status says besides.

    Raises:
        RunFolderError: A folder cannot be used, or another process works in it.
        DeepceptionError: The workers cannot be started.
    """
    listeners = listeners or Listeners()
    with contextlib.ExitStack() as stack:
        courses = [Course(run, folder, stack) for run in runs]
        status = Status(folder, [course.name for course in courses], on_status, about or {})
        kits = {course.name: course.kit for course in courses}
        stopped: DeepceptionError | None = None
        if any(not course.flow.done for course in courses):
            with engine(StudyBenchMaker(kits)) as working:
                stopped = _Driver(list(courses), working, listeners, status).drive()
        ends = tuple(course.conclude(stopped) for course in courses)
        status.write(lambda: [course.state() for course in courses], ended=True, stopped=stopped)
    return StudyEnd(ends, stopped)


@dataclass
class _Driver:
    """Hands out units to workers, of all runs in turn, until there is nothing left."""

    courses: list[Course]
    engine: Engine
    listeners: Listeners
    status: Status
    _under_way: dict[int, tuple[Course, Ready]] = field(default_factory=dict)
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

    def _submit(self, course: Course, ready: Ready, allowance: int | None) -> None:
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
